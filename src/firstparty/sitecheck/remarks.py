"""What a site check has to say, each with a stable code; and the sources that it looks for."""

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """How much a remark matters."""

    GOOD = "good"
    ODD = "odd"  # it works, and should be changed
    BAD = "bad"  # messages are lost
    UNKNOWN = "unknown"  # could not be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One sentence, what it rests on, and what to change: ``lines`` are to be put as they are."""

    weight: Weight
    code: str
    sentence: str
    evidence: tuple[str, ...] = ()
    fix: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSource:
    """A source of the owner's, and the hosts that its page should meet.

    ``other_hosts`` are right as well: the default hosts, while some visitors are sent there.
    ``script_url`` is what its snippet loads; ``alias_path`` has no slash in front, no extension.
    """

    id: str
    name: str
    write_key: str
    cdn_host: str
    api_host: str
    script_url: str
    alias_path: str
    other_hosts: frozenset[str] = frozenset()

    @property
    def hosts(self) -> frozenset[str]:
        """All hosts that are right for it."""
        return self.other_hosts | {self.cdn_host, self.api_host}


def good(code: str, sentence: str, *, evidence: tuple[str, ...] = ()) -> Remark:
    """Nothing to change."""
    return Remark(weight=Weight.GOOD, code=code, sentence=sentence, evidence=evidence)
