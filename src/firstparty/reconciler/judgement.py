"""What the owner's DNS comes to for a claim, whichever way its name points at us."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from firstparty.model.findings import DnsRecord, Finding
from firstparty.model.status import DnsStatus

UNKNOWN: Final = "could-not-check"
_MAX_NAMES: Final = 4
_SILENCE: Final = timedelta(minutes=5)  # then the servers that do answer decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A status, why not yet, and the records found.

    ``is_agreed``: the records are right at every server that answered, which are half of them or
    more, and others did not answer.
    ``hidden``: what a delegation would hide; None where that cannot be seen (any more).
    """

    dns: DnsStatus
    findings: tuple[Finding, ...]
    seen: tuple[DnsRecord, ...]
    is_agreed: bool = False
    hidden: tuple[str, ...] | None = None


def are_enough(heard: Iterable[str], silent: Iterable[str]) -> bool:
    """Whether half of a zone's servers, by their names, or more gave their word."""
    told = set(heard)
    return bool(told) and len(told) >= len(set(silent) - told)


def is_settled(agreed_since: datetime | None, *, now: datetime) -> bool:
    """Whether those that answer have agreed for so long that the silent ones do not matter."""
    return agreed_since is not None and now - agreed_since >= _SILENCE


def enumerate_names(names: Iterable[str]) -> str:
    """Some names in a sentence; a stranger's server may say hundreds."""
    told = sorted(names)
    more = len(told) - _MAX_NAMES
    return ", ".join(told[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
