"""What the states of the model are called on a page: a tone, a label and a sentence each.

Pure, and complete: a state without its sentence is a KeyError in a test, not on a page.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from firstparty.model.findings import Actor, Finding, Severity
from firstparty.model.key_rolls import RollState
from firstparty.model.observations import Step
from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    EdgeStatus,
    ProbeStatus,
    Word,
)
from firstparty.model.workspaces import SourceType

# Tones are classes of the stylesheet. Colour only repeats what the text says.
WORD_TONES: Final[Mapping[Word, str]] = MappingProxyType(
    {
        Word.WAITING: "wait",
        Word.VERIFYING: "busy",
        Word.ISSUING: "busy",
        Word.LIVE: "good",
        Word.WARNING: "wait",
        Word.FAILING: "bad",
        Word.PAUSED: "idle",
        Word.MOVING: "busy",
        Word.REMOVING: "busy",
        Word.REMOVED: "idle",
    }
)

WORD_SENTENCES: Final[Mapping[Word, str]] = MappingProxyType(
    {
        Word.WAITING: "Add the records below at your DNS provider. We look for them by ourselves.",
        Word.VERIFYING: "Your records are right. Our nameservers are being checked.",
        Word.ISSUING: "The certificate is being made and both hosts are being set up.",
        Word.LIVE: "Both hosts answer over HTTPS. Nothing to do.",
        Word.WARNING: "The hosts are up, and something needs attention.",
        Word.FAILING: "Visitors are affected, or soon will be. See below who must act.",
        Word.PAUSED: "Nothing is checked or changed until you resume.",
        Word.MOVING: "Live, and another domain takes its place.",
        Word.REMOVING: "The hosts are being taken down.",
        Word.REMOVED: "This domain is gone. Its records will never count for anybody again.",
    }
)

_Status = DnsStatus | CertificateStatus | EdgeStatus | ProbeStatus

# For each status: tone, what the chip says, and one sentence.
DNS: Final[Mapping[DnsStatus, tuple[str, str, str]]] = MappingProxyType(
    {
        DnsStatus.WAITING: ("wait", "waiting", "Your zone does not have the records yet."),
        DnsStatus.PARTIAL: ("wait", "partly right", "Your zone has records that differ."),
        DnsStatus.PROVED: ("busy", "proved", "The records are right; our servers are checked."),
        DnsStatus.SERVING: ("good", "serving", "Your zone and our nameservers agree."),
        DnsStatus.LOST: ("bad", "lost", "The records were right once and are not any more."),
        DnsStatus.UNKNOWN: ("idle", "could not check", "Nobody answered. That is not a failure."),
    }
)
CERTIFICATE: Final[Mapping[CertificateStatus, tuple[str, str, str]]] = MappingProxyType(
    {
        CertificateStatus.NONE: ("idle", "not yet", "Asked for as soon as DNS is right."),
        CertificateStatus.ISSUING: ("busy", "issuing", "The certificate authority is at it."),
        CertificateStatus.VALID: ("good", "valid", "Issued, checked and stored."),
        CertificateStatus.FAILING: ("bad", "failing", "The last try failed."),
    }
)
EDGE: Final[Mapping[EdgeStatus, tuple[str, str, str]]] = MappingProxyType(
    {
        EdgeStatus.ABSENT: ("idle", "not yet", "Told as soon as there is a certificate."),
        EdgeStatus.PUBLISHED: ("good", "published", "The edge has the hosts and certificate."),
    }
)
PROBE: Final[Mapping[ProbeStatus, tuple[str, str, str]]] = MappingProxyType(
    {
        ProbeStatus.NONE: ("idle", "not yet", "Tried as soon as the edge is told."),
        ProbeStatus.PASSED: ("good", "passed", "Both hosts answered as they must."),
        ProbeStatus.FAILED: ("bad", "failed", "A host answered wrongly or not at all."),
    }
)

STEPS: Final[Mapping[Step, str]] = MappingProxyType(
    {
        Step.ASKED: "Asked for",
        Step.DELEGATED: "Records found",
        Step.SERVING: "Our DNS answers",
        Step.ISSUED: "Certificate issued",
        Step.PUBLISHED: "Edge told",
        Step.LIVE: "Live over HTTPS",
    }
)

ACTORS: Final[Mapping[Actor, str]] = MappingProxyType(
    {
        Actor.OWNER: "You act: change the DNS records or the site.",
        Actor.OPERATOR: "The operator of this installation acts.",
        Actor.CA: "The certificate authority has the next move.",
        Actor.NOBODY: "Nobody has to act: it goes away by itself.",
    }
)

SOURCE_TYPES: Final[Mapping[SourceType, str]] = MappingProxyType(
    {
        SourceType.JAVASCRIPT: "JavaScript (website)",
        SourceType.PYTHON: "Python",
        SourceType.NODE: "Node.js",
        SourceType.RUBY: "Ruby",
        SourceType.PHP: "PHP",
        SourceType.GO: "Go",
        SourceType.JAVA: "Java",
        SourceType.CLOJURE: "Clojure",
        SourceType.DOTNET: ".NET",
        SourceType.CSHARP: "C#",
        SourceType.MOBILE: "Mobile app",
        SourceType.PIXEL: "Pixel",
        SourceType.HTTP: "HTTP",
    }
)


ROLLS: Final[Mapping[RollState, str]] = MappingProxyType(
    {
        RollState.ASKED: "The new key is being made.",
        RollState.INTRODUCED: "Both keys are in the zone; in two hours the DS record is to change.",
        RollState.ANNOUNCED: "Your turn: put the DS record above in place of the old one.",
        RollState.RETIRING: "The old key stays for two days, for whoever remembers it.",
        RollState.DONE: "It is done.",
    }
)


def finding_tone(finding: Finding) -> str:
    """How loud a finding is: on the way to live, only what waits for the owner stands out."""
    match finding.severity:
        case Severity.PENDING:
            return "wait" if finding.acts is Actor.OWNER else "busy"
        case Severity.WARNING:
            return "wait"
        case Severity.FAILING:
            return "bad"


def say_duration(length: timedelta) -> str:
    """A length of time as people say it, two units at most: ``"3 min 12 s"``."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 10:  # noqa: PLR2004 - below ten seconds a tenth still tells something
        return f"{seconds:.1f} s"
    left = round(seconds)
    said: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or said:
            said.append(f"{count} {unit}")
    return " ".join(said[:2])


def say_clock(at: datetime, now: datetime) -> str:
    """A time in UTC: the clock alone when it is of today, the date before it otherwise."""
    clock = f"{at:%H:%M:%S} UTC"
    return clock if at.date() == now.date() else f"{say_date(at)}, {clock}"


def say_date(at: datetime) -> str:
    """``"21 November 2026"``."""
    return f"{at.day} {at:%B %Y}"


def say_size(octets: int) -> str:
    """``"1.5 GB"``: decimal units, as disks are sold."""
    size, unit = float(octets), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1_000 or unit == "TB":  # noqa: PLR2004
            break
        size /= 1_000
    return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"  # noqa: PLR2004


def say_count(number: int) -> str:
    """``1234567`` as ``"1\u202f234\u202f567"``: thin spaces, which every language reads."""
    return f"{number:,}".replace(",", "\u202f")
