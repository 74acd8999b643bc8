"""Why a domain is not (or not quite) live, as data that its owner reads word for word."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Actor(StrEnum):
    """Who must act for a finding to go away."""

    OWNER = "owner"  # change DNS records or the site
    OPERATOR = "operator"  # look after this installation
    CA = "ca"  # the certificate authority has the next move
    NOBODY = "nobody"  # wait; it goes away by itself


class Severity(StrEnum):
    """How much a finding hurts."""

    PENDING = "pending"  # normal on the way to live
    WARNING = "warning"  # live, and needs attention
    FAILING = "failing"  # visitors are, or soon will be, affected


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsRecord:
    """A record that the owner adds, changes or deletes. Names end with a dot."""

    name: str
    type: str
    value: str
    ttl: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason, one sentence, one actor; ``code`` is stable for programs.

    ``records`` are the records as they should be; ``surplus`` those that should go away.
    ``look_again_at`` is when we look again by ourselves (aware, UTC).
    """

    code: str
    sentence: str
    acts: Actor
    severity: Severity = Severity.PENDING
    records: tuple[DnsRecord, ...] = ()
    surplus: tuple[DnsRecord, ...] = ()
    look_again_at: datetime | None = None


_ACTORS: Final = frozenset({Actor.OWNER, Actor.OPERATOR})


def needing_action(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The codes of the findings that hurt and that somebody must act on, sorted."""
    return tuple(
        sorted(
            {
                one.code
                for one in findings
                if one.acts in _ACTORS and one.severity is not Severity.PENDING
            }
        )
    )
