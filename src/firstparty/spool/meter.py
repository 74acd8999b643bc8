"""How often the hosts of a draining domain are still asked, counted where the requests arrive.

Each process counts for itself, in memory, and says its total (``reports.py``): one message for each
domain and process, replaced by the next. This is a meter for people, not a ledger. Hosts that do
not drain are not counted at all.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

import msgspec

from firstparty.spool.log import DurableLog
from firstparty.spool.reports import (
    Total,
    build_stream,
    name_process,
    open_streams,
    read_totals,
)

_NAME: Final = "meter"
_STREAM: Final = build_stream(
    _NAME,
    levels=2,
    max_bytes=64 * 1024**2,  # about 300,000 totals
    kept=timedelta(days=30),
)


class Part(StrEnum):
    """Which of a domain's hosts was asked."""

    CDN = "cdn"
    API = "api"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One process's total for one domain, and when it last grew (within REPORT_SECONDS)."""

    part: Part
    requests: int
    at: datetime


class HostMeter:
    """Counts the requests to one host."""

    __slots__ = ("requests", "said")

    def __init__(self) -> None:
        self.requests = 0
        self.said = 0


class Meters:
    """One process's meters, by domain. They outlast changes of the domain."""

    streams: Final = (_STREAM,)

    def __init__(self, part: Part) -> None:
        self._part = part
        self._process = name_process()
        self._meters: dict[str, HostMeter] = {}

    def find(self, domain_id: str, *, is_draining: bool) -> HostMeter | None:
        """The meter of a domain that drains; None for any other."""
        return self._meters.setdefault(domain_id, HostMeter()) if is_draining else None

    def find_due(self, now: datetime, *, is_last: bool) -> Sequence[Total]:
        """Every total that has grown since it was last said."""
        del is_last  # whatever has grown is said at once
        return [
            Total(
                subject=f"{_NAME}.{domain_id}.{self._part}-{self._process}",
                data=msgspec.json.encode(Reading(part=self._part, requests=meter.requests, at=now)),
                said=partial(setattr, meter, "said", meter.requests),
            )
            for domain_id, meter in self._meters.items()
            if meter.requests != meter.said
        ]


async def read_meter(log: DurableLog, domain_id: str) -> Sequence[Reading]:
    """The newest total of every process that was asked for this domain. Raises Unavailable."""
    await open_streams(log, (_STREAM,))
    totals = await read_totals(log, _NAME, f"{_NAME}.{domain_id}.*")
    return [msgspec.json.decode(data, type=Reading) for data in totals]
