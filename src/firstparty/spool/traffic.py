"""How much comes and goes of each source and host, counted where it happens, by minute and hour.

Each process counts for itself, in memory, and says its counts (``reports.py``): one message for
each subject, hour and process (by minute, kept two days), and for each subject, day and process
(by hour, kept 90 days), replaced as it grows. This is for charts; the ledger is exact.

It costs the same however busy the installation is: so many messages a round, the others wait.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
_STREAMS: Final = tuple(
    build_stream(rung.stream, levels=3, max_bytes=rung.max_bytes, kept=rung.kept) for rung in RUNGS
)


@dataclass(slots=True, kw_only=True)
class _Grown:
    """A block as it grows: encoded, since it is small so.

    ``name`` tells it from those of other processes, and from one of this process that was said and
    forgotten before the clock was set back.
    """

    name: str = field(default_factory=name_process)
    data: bytes
    said_at: datetime | None = None
    is_said: bool = False

    def say(self, now: datetime) -> None:
        """It lies in its stream, as it is."""
        self.said_at, self.is_said = now, True


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODER: Final = msgspec.msgpack.Decoder(Block)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_Key = tuple[Rung, str, int]  # rung, subject, number of the block


class Traffic:
    """One process's counts."""

    streams: Final = _STREAMS

    def __init__(self) -> None:
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

    def find_due(self, now: datetime, *, is_last: bool) -> Sequence[Total]:
        """Blocks that have grown, those first that wait longest; so many, unless ``is_last``."""
        self.collect(now)
        due = [key for key in self._blocks if self._is_due(key, now, is_last=is_last)]
        due.sort(key=lambda key: self._blocks[key].said_at or _NEVER)
        return [self._total(key, now) for key in (due if is_last else due[:_MOST_A_ROUND])]

    def _total(self, key: _Key, now: datetime) -> Total:
        rung, subject, number = key
        block = self._blocks[key]
        return Total(
            subject=f"{rung.stream}.{subject}.{number}.{block.name}",
            data=block.data,
            said=partial(block.say, now),
        )

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
    await open_streams(log, _STREAMS)
    totals = await read_totals(log, rung.stream, f"{rung.stream}.{subject}.*.*")
    return [decode_block(data) for data in totals]


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
