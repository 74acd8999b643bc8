"""A claim: one workspace's try at one name, proved by records that only this claim has.

Every claim gets its own unguessable nameserver names and CNAME targets, never used again. Whoever's
names the parent zone serves has proved the name; a record left over from an old claim proves
nothing for a new one. A claim is kept for ever: as a tombstone once it is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ClaimState(StrEnum):
    """Where a claim stands."""

    PENDING = "pending"  # owner has the next move: the parent does not have this claim's records
    PROVED = "proved"  # the parent had exactly this claim's records
    RELEASED = "released"  # over: the domain was removed; the token is never used again


TRANSITIONS: Final[Mapping[ClaimState, frozenset[ClaimState]]] = MappingProxyType(
    {
        ClaimState.PENDING: frozenset({ClaimState.PROVED, ClaimState.RELEASED}),
        ClaimState.PROVED: frozenset({ClaimState.RELEASED}),
        ClaimState.RELEASED: frozenset(),
    }
)

NAMESERVER_LETTERS: Final = ("a", "b")  # two names; a referral with four still fits 512 octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A name, the token that proves it, and where the claim stands."""

    token: str
    domain_id: str
    name: str
    state: ClaimState = ClaimState.PENDING


class IllegalTransition(Exception):
    """A state machine was asked for a step that its table does not have: a bug of ours."""


def move_claim(claim: Claim, state: ClaimState) -> Claim:
    """The claim in its next state; raises IllegalTransition for a step not in the table."""
    if state not in TRANSITIONS[claim.state]:
        raise IllegalTransition(f"claim {claim.token}: {claim.state} -> {state}")
    return Claim(token=claim.token, domain_id=claim.domain_id, name=claim.name, state=state)


def nameserver_names(token: str, service_domain: str) -> tuple[str, ...]:
    """The nameserver names of the claim with this token, for example ``a-<token>.ns.<service>``."""
    return tuple(f"{letter}-{token}.ns.{service_domain}" for letter in NAMESERVER_LETTERS)


def challenge_targets(token: str, service_domain: str) -> tuple[str, str]:
    """Where the hosts' ``_acme-challenge`` may lead: ``c-<token>.acme.<service>``, ``e-…``."""
    return (f"c-{token}.acme.{service_domain}", f"e-{token}.acme.{service_domain}")


def cname_targets(token: str, service_domain: str) -> tuple[str, str]:
    """Where the claim's CDN host and API host point: ``c-<token>.edge.<service>``, ``e-…``."""
    return (f"c-{token}.edge.{service_domain}", f"e-{token}.edge.{service_domain}")
