"""Four statuses of a domain, and the one word derived from them.

Each status is what was observed last, written by the reconciler. The word that people see is
never stored: ``derive_word`` computes it from the intent and the four statuses, so it cannot fall
out of step with them. *Could not check* is its own value: not knowing is not failing.
"""

from dataclasses import dataclass
from enum import StrEnum


class Intent(StrEnum):
    """What the owner wants; written by control."""

    ACTIVE = "active"  # go live and stay live
    MOVING = "moving"  # stay live until another domain has taken this one's place
    PAUSED = "paused"  # keep everything, do nothing
    REMOVED = "removed"  # drain, revoke, forget


class DnsStatus(StrEnum):
    """What the parent zone's own servers, and then ours, say of the delegation."""

    WAITING = "waiting"  # owner has the next move: the records are not at the parent
    PARTIAL = "partial"  # owner has the next move: the records are there but not right
    PROVED = "proved"  # we have the next move: our own servers must answer the zone
    SERVING = "serving"  # nobody: parent and our servers agree
    LOST = "lost"  # owner has the next move: it was right once and is not any more
    UNKNOWN = "unknown"  # nobody: it could not be checked


class CertificateStatus(StrEnum):
    """Where the certificate for the domain's hosts stands."""

    NONE = "none"  # nothing asked for yet
    ISSUING = "issuing"  # the CA, or we, are at it
    VALID = "valid"  # issued, checked, stored
    FAILING = "failing"  # the last try failed; the finding says who acts


class EdgeStatus(StrEnum):
    """Whether the edge has been told of the hosts and their certificate."""

    ABSENT = "absent"  # nothing published
    PUBLISHED = "published"  # the edge feed has the domain and its certificate


class ProbeStatus(StrEnum):
    """What a request over HTTPS to both hosts, through the edge, got."""

    NONE = "none"  # not tried yet
    PASSED = "passed"  # both hosts answered as they must
    FAILED = "failed"  # a host answered wrongly, or not at all


class Word(StrEnum):
    """The one word a person reads."""

    WAITING = "waiting"  # for the owner's DNS records
    VERIFYING = "verifying"  # the records are right; our servers are being checked
    ISSUING = "issuing"  # certificate, publication and first probe
    LIVE = "live"  # both hosts answer over HTTPS
    WARNING = "warning"  # live, but something needs attention
    FAILING = "failing"  # visitors are, or soon will be, affected
    PAUSED = "paused"  # on the owner's wish, or after 14 days without DNS
    MOVING = "moving"  # live, and another domain takes its place
    REMOVING = "removing"  # draining
    REMOVED = "removed"  # gone; the tombstone stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """The four statuses as observed last, and whether the domain has ever been live."""

    dns: DnsStatus = DnsStatus.WAITING
    certificate: CertificateStatus = CertificateStatus.NONE
    edge: EdgeStatus = EdgeStatus.ABSENT
    probe: ProbeStatus = ProbeStatus.NONE
    has_been_live: bool = False


def derive_word(intent: Intent, statuses: Statuses) -> Word:
    """The word for these statuses under this intent."""
    match intent:
        case Intent.REMOVED:
            return Word.REMOVING if statuses.edge is EdgeStatus.PUBLISHED else Word.REMOVED
        case Intent.PAUSED:
            return Word.PAUSED
        case Intent.ACTIVE:
            return _after_live(statuses) if statuses.has_been_live else _before_live(statuses)
        case Intent.MOVING:
            word = _after_live(statuses)
            return Word.MOVING if word is Word.LIVE else word


def _before_live(statuses: Statuses) -> Word:
    match statuses.dns:
        case DnsStatus.WAITING | DnsStatus.PARTIAL | DnsStatus.LOST | DnsStatus.UNKNOWN:
            return Word.WAITING
        case DnsStatus.PROVED:
            return Word.VERIFYING
        case DnsStatus.SERVING:
            if statuses.certificate is CertificateStatus.FAILING:
                return Word.FAILING
            return Word.LIVE if is_live(statuses) else Word.ISSUING


def _after_live(statuses: Statuses) -> Word:
    if statuses.probe is ProbeStatus.FAILED or statuses.dns in {DnsStatus.LOST, DnsStatus.WAITING}:
        return Word.FAILING
    if is_live(statuses):
        return Word.LIVE
    return Word.WARNING


def is_live(statuses: Statuses) -> bool:
    """Whether all four statuses are green at this moment."""
    return (
        statuses.dns is DnsStatus.SERVING
        and statuses.certificate is CertificateStatus.VALID
        and statuses.edge is EdgeStatus.PUBLISHED
        and statuses.probe is ProbeStatus.PASSED
    )
