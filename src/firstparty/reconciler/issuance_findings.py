"""What the owner and the operator read while a certificate is on its way. Pure."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from firstparty.certs.progress import Rejected
from firstparty.model.authorities import Counter, Use
from firstparty.model.certificates import ChallengeMethod, Order
from firstparty.model.findings import Actor, Finding, Severity

# Who can do something about a CA's refusal (RFC 8555 §6.7); anything else is the operator's.
_ACTS: Final[Mapping[str, Actor]] = MappingProxyType(
    {
        "caa": Actor.OWNER,
        "dnssec": Actor.OWNER,
        "rejectedIdentifier": Actor.OWNER,
        "dns": Actor.NOBODY,
        "connection": Actor.NOBODY,
        "incorrectResponse": Actor.NOBODY,
        "unauthorized": Actor.NOBODY,
        "orderUnknown": Actor.NOBODY,
    }
)

# Codes of this file: they stay while a live domain is watched and its renewal waits.
CODES: Final = frozenset(
    {
        "ca-refused",
        "ca-unavailable",
        "certificate-queued",
        "certificate-unusable",
        "order-stuck",
        "key-unreadable",
    }
)


def ordered(authority: str) -> Finding:
    """The certificate is on its way."""
    return Finding(
        code="certificate-ordered",
        sentence=f"A certificate for both hosts is being issued ({authority}).",
        acts=Actor.CA,
    )


def queued(authority: str, waits_for: Counter, at: datetime) -> Finding:
    """The CA's limits, of which a fifth is left free, allow the order later."""
    of = {
        Use.ACCOUNTS: "new accounts",
        Use.ORDERS: "new certificates, of all domains together",
        Use.CERTIFICATES: f"certificates for names below {waits_for.key}",
        Use.DUPLICATES: "certificates for these same hosts",
        Use.FAILURES: f"failed validations of {waits_for.key}",
    }
    return Finding(
        code="certificate-queued",
        sentence=f"The CA ({authority}) limits {of[waits_for.use]}: this domain's turn is at "
        f"{at:%Y-%m-%d %H:%M} UTC.",
        acts=Actor.NOBODY,
    )


def challenges_published() -> Finding:
    """Our servers are about to answer the challenges."""
    return Finding(
        code="challenges-published",
        sentence="The answers to the CA's challenges are being published.",
        acts=Actor.NOBODY,
    )


def challenges_unserved(method: ChallengeMethod) -> Finding:
    """Our servers, or edges, should have answered the challenges long ago."""
    who = {
        ChallengeMethod.DNS: "Not all of our nameservers answer",
        ChallengeMethod.HTTP: "Not every edge (edge.http_probe) answers, over HTTP,",
    }
    return Finding(
        code="challenges-unserved",
        sentence=f"{who[method]} the CA's challenges, so it is not told yet.",
        acts=Actor.OPERATOR,
        severity=Severity.WARNING,
    )


def refused(authority: str, rejected: Rejected) -> Finding:
    """The CA refuses the order; its own words, as data."""
    return Finding(
        code="ca-refused",
        sentence=f"The CA ({authority}) refused the certificate ({rejected.problem}): "
        f"{rejected.detail}",
        acts=_ACTS.get(rejected.problem, Actor.OPERATOR),
        severity=Severity.WARNING,
    )


def unavailable(authority: str, reason: str) -> Finding:
    """The CA cannot be asked at the moment."""
    return Finding(
        code="ca-unavailable",
        sentence=f"The CA ({authority}) cannot go on at the moment: {reason}",
        acts=Actor.CA,
        severity=Severity.WARNING,
    )


def unusable(authority: str, reason: str) -> Finding:
    """The CA issued something that must not be served."""
    return Finding(
        code="certificate-unusable",
        sentence=f"What the CA ({authority}) issued is not served: the certificate {reason}.",
        acts=Actor.CA,
        severity=Severity.WARNING,
    )


def order_stuck(order: Order) -> Finding:
    """Nothing has moved for too long."""
    return Finding(
        code="order-stuck",
        sentence=f"The order with the CA ({order.authority}) has not moved for an hour "
        f"({order.state}): a new one is made.",
        acts=Actor.NOBODY,
        severity=Severity.WARNING,
    )


def key_unreadable() -> Finding:
    """The edge's key is not the one that sealed the order's."""
    return Finding(
        code="key-unreadable",
        sentence="The private key of the order cannot be opened: the file keys/edge.key was "
        "replaced. Put the old one back, or wait for a new order.",
        acts=Actor.OPERATOR,
        severity=Severity.WARNING,
    )
