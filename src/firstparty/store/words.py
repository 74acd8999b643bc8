"""The word of a domain in SQL, so that lists can be filtered by it: ``model.status`` has the rule.

A test compares the two for every combination of statuses.
"""

from sqlalchemy import ColumnElement, and_, case

from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    EdgeStatus,
    Intent,
    ProbeStatus,
    Word,
)
from firstparty.store.tables import domains, statuses


def word_column() -> ColumnElement[str]:
    """``derive_word`` of a row of domains joined with statuses."""
    seen = statuses.c
    is_live = and_(
        seen.dns == DnsStatus.SERVING,
        seen.certificate == CertificateStatus.VALID,
        seen.edge == EdgeStatus.PUBLISHED,
        seen.probe == ProbeStatus.PASSED,
    )
    is_moving = domains.c.intent == Intent.MOVING
    is_hurt = (seen.probe == ProbeStatus.FAILED) | seen.dns.in_([DnsStatus.LOST, DnsStatus.WAITING])
    return case(
        (
            domains.c.intent == Intent.REMOVED,
            case((seen.edge == EdgeStatus.PUBLISHED, Word.REMOVING), else_=Word.REMOVED),
        ),
        (domains.c.intent == Intent.PAUSED, Word.PAUSED),
        (
            seen.has_been_live | is_moving,
            case(
                (is_hurt, Word.FAILING),
                (is_live & is_moving, Word.MOVING),
                (is_live, Word.LIVE),
                else_=Word.WARNING,
            ),
        ),
        (seen.dns == DnsStatus.PROVED, Word.VERIFYING),
        (seen.dns != DnsStatus.SERVING, Word.WAITING),
        (seen.certificate == CertificateStatus.FAILING, Word.FAILING),
        (is_live, Word.LIVE),
        else_=Word.ISSUING,
    )
