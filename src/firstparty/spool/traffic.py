"""How much comes and goes of each source and host, counted where it happens, by minute and hour.

Each process counts for itself, in memory, and says its counts every few seconds: one message for
each subject, hour and process (by minute, kept two days), and for each subject, day and process
(by hour, kept 90 days), replaced as it grows. So a restart doubles nothing. What a process has not
said yet is lost when it is killed: this is for charts; the ledger is exact.

It costs the same however busy the installation is: so many messages a round, the others wait.
"""

import asyncio
import contextlib
import secrets
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from firstparty.errors import Unavailable
from firstparty.spool.log import DurableLog, join_log, unavailable

REPORT_SECONDS: Final = 5.0
_MOST_A_ROUND: Final = 100
MAX_SUBJECTS: Final = 10_000  # of one process, in one hour: some 30 MB; others are not counted

# What is counted of a subject. Refusals have a cell for each reason, latencies one for each bound.
ACCEPTED: Final = "accepted"
DELIVERED: Final = "delivered"
DEAD: Final = "dead"
EXPIRED: Final = "expired"
REFUSED: Final = "refused."
# Upper ends of the buckets, in seconds; the last bucket has none.
BOUNDS: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
    *(10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0),
)
ACKNOWLEDGED: Final = tuple(f"acknowledged.{at}" for at in range(len(BOUNDS) + 1))
SENT: Final = tuple(f"sent.{at}" for at in range(len(BOUNDS) + 1))

Cells = Counter[str]
Rows = dict[int, dict[str, int]]  # by the step in the block


class Block(msgspec.Struct, frozen=True, array_like=True):
    """What one process counted of one subject in one block, as it is stored."""

    number: int  # since 1970, in spans
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One resolution: blocks of ``span``, each with a row for each ``step``."""

    stream: str
    step: timedelta
    span: timedelta
    kept: timedelta
    max_bytes: int
    said_every: timedelta

    def place(self, now: datetime) -> tuple[int, int]:
        """The block's number and the row in it that this time belongs to."""
        seconds = int(now.timestamp())
        block, within = divmod(seconds, int(self.span.total_seconds()))
        return block, within // int(self.step.total_seconds())


MINUTES: Final = Rung(
    stream="traffic-minutes",
    step=timedelta(minutes=1),
    span=timedelta(hours=1),
    kept=timedelta(hours=49),
    max_bytes=128 * 1024**2,
    said_every=timedelta(),
)
HOURS: Final = Rung(
    stream="traffic-hours",
    step=timedelta(hours=1),
    span=timedelta(days=1),
    kept=timedelta(days=91),
    max_bytes=128 * 1024**2,
    said_every=timedelta(minutes=5),
)
RUNGS: Final = (MINUTES, HOURS)


@dataclass(slots=True, kw_only=True)
class _Grown:
    """A block as it grows: encoded, since it is small so."""

    data: bytes
    said_at: datetime | None = None
    is_said: bool = False


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODER: Final = msgspec.msgpack.Decoder(Block)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_Key = tuple[Rung, str, int]  # rung, subject, number of the block


class Traffic:
    """One process's counts."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(8)
        self._cells: dict[tuple[str, ...], Cells] = {}
        self._blocks: dict[_Key, _Grown] = {}

    def cells(self, *subjects: str) -> Cells:
        """Where to count what happens to these subjects together. To be kept by who counts."""
        found = self._cells.get(subjects)
        if found is None:
            found = self._cells[subjects] = Counter()
        return found

    def collect(self, now: datetime) -> None:
        """Put what was counted since the last time into the minute and the hour of ``now``."""
        for subjects, cells in self._cells.items():
            if cells:
                for subject in subjects:
                    for rung in RUNGS:
                        self._add(rung, subject, cells, now)
                cells.clear()
        for key in [key for key in self._blocks if self._is_over(key, now)]:
            del self._blocks[key]

    def _add(self, rung: Rung, subject: str, cells: Mapping[str, int], now: datetime) -> None:
        number, at = rung.place(now)
        key = rung, subject, number
        block = self._blocks.get(key)
        if block is None:
            if len(self._blocks) >= len(RUNGS) * MAX_SUBJECTS:
                return
            block = self._blocks[key] = _Grown(data=_ENCODE(Block(number, {})))
        rows = decode_block(block.data).rows
        row = rows.setdefault(at, {})
        for name, count in cells.items():
            row[name] = row.get(name, 0) + count
        block.data, block.is_said = _ENCODE(Block(number, rows)), False

    def _is_over(self, key: _Key, now: datetime) -> bool:
        rung, _, number = key
        return self._blocks[key].is_said and number != rung.place(now)[0]

    async def report(self, log_url: str, *, clock: Callable[[], datetime] | None = None) -> None:
        """Say every few seconds what has grown, until cancelled. Never raises for the log."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            now = (clock or _now)()
            self.collect(now)
            try:
                await self.say(log_url, now=now)
            except Unavailable:
                continue  # it is all in the blocks, and said as soon as the log is back

    async def say(self, log_url: str, *, now: datetime, is_last: bool = False) -> None:
        """Say blocks that have grown, those first that wait longest. Raises Unavailable.

        ``is_last``: all of them, for nobody will later.
        """
        due = [key for key in self._blocks if self._is_due(key, now, is_last=is_last)]
        due.sort(key=lambda key: self._blocks[key].said_at or _NEVER)
        if not due:
            return
        log = await join_log(log_url)
        try:
            with unavailable("traffic"):
                await _open_streams(log)
                for key in due if is_last else due[:_MOST_A_ROUND]:
                    rung, subject, number = key
                    block = self._blocks[key]
                    place = f"{rung.stream}.{subject}.{number}.{self._process}"
                    await log.jetstream.publish(place, block.data)
                    block.said_at, block.is_said = now, True
        finally:
            await log.close()

    async def leave(self, log_url: str) -> None:
        """Say everything, for nobody will later; what cannot be said is lost."""
        now = _now()
        self.collect(now)
        with contextlib.suppress(Unavailable):
            await self.say(log_url, now=now, is_last=True)

    def _is_due(self, key: _Key, now: datetime, *, is_last: bool) -> bool:
        rung, _, number = key
        block = self._blocks[key]
        if block.is_said:
            return False
        if is_last or block.said_at is None or number != rung.place(now)[0]:
            return True
        return now - block.said_at >= rung.said_every


async def read_blocks(log: DurableLog, rung: Rung, subject: str) -> list[Block]:
    """All blocks of a subject at this resolution, of all processes. Raises Unavailable."""
    found: list[Block] = []
    request: dict[str, int | str] = {"next_by_subj": f"{rung.stream}.{subject}.*.*", "batch": 500}
    after = 0
    with unavailable("traffic"):
        await _open_streams(log)
        while stored := await log.reads.read(rung.stream, request | {"seq": after + 1}):
            after = stored[-1].sequence
            found += [decode_block(one.data) for one in stored]
    return found


def decode_block(data: bytes) -> Block:
    """A block as it is stored. Raises msgspec.DecodeError."""
    return _DECODER.decode(data)


def count_latency(cells: Cells, names: tuple[str, ...], seconds: float, times: int = 1) -> None:
    """Count ``times`` more that took so long, in one of ``names``: ACKNOWLEDGED or SENT."""
    cells[names[bisect_left(BOUNDS, seconds)]] += times


def source_subject(number: int) -> str:
    """The subject of a source."""
    return f"source-{number}"


def domain_subject(domain_id: str) -> str:
    """The subject of a domain's API host."""
    return f"domain-{domain_id}"


async def _open_streams(log: DurableLog) -> None:
    for rung in RUNGS:
        await log.jetstream.add_stream(
            StreamConfig(
                name=rung.stream,
                subjects=[f"{rung.stream}.*.*.*"],
                storage=StorageType.FILE,
                retention=RetentionPolicy.LIMITS,
                discard=DiscardPolicy.OLD,
                max_bytes=rung.max_bytes,
                max_age=rung.kept.total_seconds(),
                max_msgs_per_subject=1,
                num_replicas=1,
                allow_direct=True,
            )
        )


def _now() -> datetime:
    return datetime.now(UTC)
