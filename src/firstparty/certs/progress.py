"""How far an order, or a revocation, has got at a certificate authority: what each answers with.

A CA's refusals and outages are values here, since they are expected: nothing is raised for them.
"""

from dataclasses import dataclass
from datetime import timedelta

from firstparty.model.certificates import Challenge


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenged:
    """We have the next move: publish these, then call ``answer``. Empty: nothing to publish."""

    url: str
    challenges: tuple[Challenge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The CA has the next move. ``again``: when it wants to be asked again, if it said so."""

    url: str
    again: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """Over: the chain, PEM, leaf first. It comes from outside and is not checked yet."""

    url: str
    chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Over: the CA refuses this order for good. ``problem`` is the last part of its type."""

    problem: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TryLater:
    """Nothing changed: the same call may succeed later, not before ``again`` if it is given."""

    reason: str
    again: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """Over: the CA counts the certificate as revoked, from now on or since long ago."""


OrderProgress = Challenged | Pending | Issued | Rejected | TryLater
RevocationProgress = Revoked | Rejected | TryLater
