"""What the owner's DNS comes to for a claim, whichever way its name points at us."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from firstparty.model.findings import DnsRecord, Finding
from firstparty.model.status import DnsStatus

_MAX_NAMES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A status, why not yet, and the records found."""

    dns: DnsStatus
    findings: tuple[Finding, ...]
    seen: tuple[DnsRecord, ...]


def enumerate_names(names: Iterable[str]) -> str:
    """Some names in a sentence; a stranger's server may say hundreds."""
    told = sorted(names)
    more = len(told) - _MAX_NAMES
    return ", ".join(told[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
