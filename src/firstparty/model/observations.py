"""What the reconciler knows of a domain, kept as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from firstparty.model.drains import Drain
from firstparty.model.findings import DnsRecord, Finding
from firstparty.model.status import Statuses


class Step(StrEnum):
    """The stopwatch's marks on the way to live, in their order."""

    ASKED = "asked"  # the domain was requested
    DELEGATED = "delegated"  # the parent answers with this claim's records
    SERVING = "serving"  # our own servers answer the zone
    ISSUED = "issued"  # the certificate is stored
    PUBLISHED = "published"  # the edge was told
    LIVE = "live"  # both hosts answered over HTTPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Damper:
    """What keeps a live domain's word from flapping: see ``reconciler/damping.py``.

    ``score`` is of looks that were worse than what is said; ``better_since``: since when all were
    better; ``drifts``: when it was said to have got worse, of late.
    """

    score: int = 0
    better_since: datetime | None = None
    drifts: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen last of one domain, and since when.

    ``seen`` are the records found at the parent. ``tries`` counts looks in a row that changed
    nothing: it picks the next pause from the back-off table. ``stopwatch`` has the first time
    that each step was reached. ``ca_refusals`` and ``ca_outages`` count the CA's in a row; it is
    not asked again before ``ca_not_before``. ``is_rehearsed``: after a refusal, its staging has
    issued since.
    ``agreed_since``: since when every server of the owner's zone that answers has the records,
    while others are silent. ``drain`` is there once the domain was removed. ``hidden`` is what was
    at the name and below it before the delegation hid it. ``has_alias``: when a certificate was
    ordered last, the owner's ``_acme-challenge`` names led to ours.
    """

    domain_id: str
    statuses: Statuses = field(default_factory=Statuses)
    findings: tuple[Finding, ...] = ()
    seen: tuple[DnsRecord, ...] = ()
    tries: int = 0
    checked_at: datetime | None = None
    stopwatch: Mapping[Step, datetime] = field(default_factory=dict)
    ca_refusals: int = 0
    ca_outages: int = 0
    ca_not_before: datetime | None = None
    is_rehearsed: bool = False
    agreed_since: datetime | None = None
    drain: Drain | None = None
    damper: Damper = field(default_factory=Damper)
    hidden: tuple[str, ...] = ()
    has_alias: bool = False
