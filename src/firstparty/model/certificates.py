"""Certificates and orders for them: states, when to renew, why to revoke."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

from firstparty.model.claims import IllegalTransition

IMPORTED: Final = "imported"  # the authority of a pair that its owner brought
_SHORT: Final = timedelta(days=10)
_FALLBACK: Final = timedelta(days=7)
_SPREAD: Final = 0.05  # of the lifetime: certificates made together are not renewed together
_LATEST: Final = 0.05  # of the lifetime left: renewed then, whatever the CA advises
_SOONEST: Final = timedelta(hours=12)  # of age: a CA that always advises "now" is not a loop


class OrderState(StrEnum):
    """Where an order with a certificate authority stands: who has the next move."""

    NEW = "new"  # we have the next move: the CA is to be asked
    CHALLENGED = "challenged"  # we have the next move: our servers must answer, then tell the CA
    VALIDATING = "validating"  # the CA has the next move
    ISSUED = "issued"  # over: the certificate is stored
    FAILED = "failed"  # over: a new order is needed


TRANSITIONS: Final[Mapping[OrderState, frozenset[OrderState]]] = MappingProxyType(
    {
        OrderState.NEW: frozenset({OrderState.CHALLENGED, OrderState.ISSUED, OrderState.FAILED}),
        OrderState.CHALLENGED: frozenset({OrderState.VALIDATING, OrderState.FAILED}),
        OrderState.VALIDATING: frozenset({OrderState.ISSUED, OrderState.FAILED}),
        OrderState.ISSUED: frozenset(),
        OrderState.FAILED: frozenset(),
    }
)


class RevocationReason(IntEnum):
    """Why a certificate is revoked, in the codes of RFC 5280 §5.3.1 that CAs take from a holder."""

    KEY_COMPROMISE = 1  # somebody else may have the private key
    SUPERSEDED = 4  # another certificate has taken its place
    CESSATION_OF_OPERATION = 5  # the hosts are not served here any more


class ChallengeMethod(StrEnum):
    """How a CA is shown that a host is ours."""

    DNS = "dns-01"  # by a record in our own zone
    HTTP = "http-01"  # by the edge, where the zone is the owner's


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsChallenge:
    """A dns-01 answer (RFC 8555 §8.4): this TXT value at ``_acme-challenge.<host>``.

    ``at`` is the name of ours that the owner's CNAME there leads to, where there is one.
    """

    host: str
    value: str
    at: str = ""

    @property
    def owner_name(self) -> str:
        """Where the TXT record goes."""
        return self.at or f"_acme-challenge.{self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpChallenge:
    """An http-01 answer (RFC 8555 §8.3): what the host answers on port 80 for this token."""

    host: str
    token: str
    key_authorization: str


Challenge = DnsChallenge | HttpChallenge


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One try at one certificate. The private key is stored, sealed, before the CA is asked.

    ``replaces`` is the id (RFC 9773) of the certificate that it renews; ``reason`` why it failed.
    """

    id: str
    domain_id: str
    authority: str
    names: tuple[str, ...]
    sealed_key: bytes
    changed_at: datetime
    state: OrderState = OrderState.NEW
    url: str = ""
    replaces: str = ""
    reason: str = ""
    challenges: tuple[Challenge, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """An issued and checked pair. ``chain`` is PEM, leaf first; the key is sealed for the edge.

    ``revoke_at`` is set while it is to be revoked: when the CA is asked (again). ``revoked_at``
    is when the CA did it. ``renew_at`` is what the CA advised (RFC 9773), ``has_advice`` that it
    knows the certificate, ``ask_at`` when it is asked again, ``advice_url`` where it explains.
    """

    id: str
    domain_id: str
    authority: str
    names: tuple[str, ...]
    chain: str
    sealed_key: bytes
    not_before: datetime
    not_after: datetime
    created_at: datetime
    revocation_reason: RevocationReason | None = None
    revoke_at: datetime | None = None
    revoked_at: datetime | None = None
    renew_at: datetime | None = None
    ask_at: datetime | None = None
    has_advice: bool = False
    advice_url: str = ""

    @property
    def lifetime(self) -> timedelta:
        """From its first moment to its last."""
        return self.not_after - self.not_before

    @property
    def share(self) -> float:
        """A number from 0 up to 1 of its own, always the same: what spreads renewals."""
        return int.from_bytes(hashlib.sha256(self.id.encode()).digest()[:4]) / 2**32

    @property
    def due_at(self) -> datetime:
        """When it is renewed: as the CA advises within bounds, otherwise by its lifetime."""
        if self.authority == IMPORTED:  # its owner may bring the next one until then
            return self.not_after - min(_FALLBACK, self.lifetime / 10)
        if self.renew_at is None:
            spread = self.lifetime * _SPREAD * self.share
            return renew_at(self.not_before, self.not_after) - spread
        latest = self.not_after - self.lifetime * _LATEST
        soonest = self.created_at + min(_SOONEST, self.lifetime / 10)
        return min(max(self.renew_at, soonest), latest)


def move_order(order: Order, state: OrderState, *, at: datetime) -> Order:
    """The order in its next state; raises IllegalTransition for a step not in the table."""
    if state not in TRANSITIONS[order.state]:
        raise IllegalTransition(f"order {order.id}: {order.state} -> {state}")
    return replace(order, state=state, changed_at=at)


def sealing_context(certificate_id: str) -> str:
    """What the private key of this certificate (and of its order, by the same id) is bound to."""
    return f"certificate:{certificate_id}"


def renew_at(not_before: datetime, not_after: datetime) -> datetime:
    """When to renew without advice from the CA: a third of the lifetime left, half if it is short.

    Let's Encrypt's integration guide; never "30 days before", since lifetimes shrink.
    """
    lifetime = not_after - not_before
    left = lifetime / 2 if lifetime < _SHORT else lifetime / 3
    return not_after - left
