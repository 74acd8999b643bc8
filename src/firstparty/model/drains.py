"""How far a domain that nobody should need any more has run empty."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """What was measured since a domain began to drain.

    Requests are visitors' and SDKs', not our own probes'. ``undelivered`` counts the messages of
    sources that no other domain serves; None: not known at the moment.
    """

    since: datetime
    cdn_requests: int = 0
    api_requests: int = 0
    last_request_at: datetime | None = None
    undelivered: int | None = None
