"""How often the hosts of a draining domain are still asked, counted where the requests arrive.

Each process counts for itself, in memory, and says its total now and then: one message for each
domain and process, replaced by the next. A total that was not said yet is lost with its process;
this is a meter for people, not a ledger. Hosts that do not drain are not counted at all.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from firstparty.errors import Unavailable
from firstparty.spool.log import DurableLog, join_log, unavailable

STREAM: Final = "meter"
REPORT_SECONDS: Final = 5.0
_MAX_BYTES: Final = 64 * 1024**2  # about 300,000 totals
_KEPT: Final = timedelta(days=30)


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

    def __init__(self, part: Part) -> None:
        self._part = part
        self._process = secrets.token_hex(8)
        self._meters: dict[str, HostMeter] = {}

    def find(self, domain_id: str, *, is_draining: bool) -> HostMeter | None:
        """The meter of a domain that drains; None for any other."""
        return self._meters.setdefault(domain_id, HostMeter()) if is_draining else None

    async def report(self, log_url: str, *, clock: Callable[[], datetime] | None = None) -> None:
        """Say every few seconds what has grown, until cancelled. Never raises for the log."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            if any(meter.requests != meter.said for meter in self._meters.values()):
                try:
                    await self.say(log_url, now=(clock or _now)())
                except Unavailable:
                    continue  # the totals are said as soon as the log is back

    async def say(self, log_url: str, *, now: datetime) -> None:
        """Say every total that has grown since it was last said. Raises Unavailable."""
        log = await join_log(log_url)
        try:
            with unavailable("meter"):
                await log.jetstream.add_stream(_STREAM_CONFIG)
                for domain_id, meter in tuple(self._meters.items()):
                    total = meter.requests
                    if total == meter.said:
                        continue
                    reading = Reading(part=self._part, requests=total, at=now)
                    subject = f"meter.{domain_id}.{self._part}-{self._process}"
                    await log.jetstream.publish(subject, msgspec.json.encode(reading))
                    meter.said = total
        finally:
            await log.close()


async def read_meter(log: DurableLog, domain_id: str) -> Sequence[Reading]:
    """The newest total of every process that was asked for this domain. Raises Unavailable."""
    request: dict[str, int | str] = {"seq": 1, "next_by_subj": f"meter.{domain_id}.*", "batch": 500}
    with unavailable("meter"):
        await log.jetstream.add_stream(_STREAM_CONFIG)
        stored = await log.reads.read(STREAM, request)
    return [msgspec.json.decode(one.data, type=Reading) for one in stored]


def _now() -> datetime:
    return datetime.now(UTC)


_STREAM_CONFIG: Final = StreamConfig(
    name=STREAM,
    subjects=["meter.*.*"],
    storage=StorageType.FILE,
    retention=RetentionPolicy.LIMITS,
    discard=DiscardPolicy.OLD,
    max_bytes=_MAX_BYTES,
    max_age=_KEPT.total_seconds(),
    max_msgs_per_subject=1,
    num_replicas=1,
    allow_direct=True,
)
