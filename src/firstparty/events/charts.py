"""What came and went of a source or host over a period, as points in time: for charts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from types import MappingProxyType
from typing import Final

from firstparty.spool.log import DurableLog
from firstparty.spool.traffic import (
    ACCEPTED,
    ACKNOWLEDGED,
    BOUNDS,
    DEAD,
    DELIVERED,
    EXPIRED,
    HOURS,
    MINUTES,
    REFUSED,
    SENT,
    Block,
    Rung,
    read_blocks,
)


class Period(StrEnum):
    """How far back to look."""

    HOUR = "hour"  # by the minute
    DAY = "day"  # by the quarter of an hour
    WEEK = "week"  # by two hours
    QUARTER = "quarter"  # 90 days, by the day


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a period is drawn from: so many points, each of a ``step``."""

    rung: Rung
    step: timedelta
    points: int


SHAPES: Final[Mapping[Period, Shape]] = MappingProxyType(
    {
        Period.HOUR: Shape(rung=MINUTES, step=timedelta(minutes=1), points=60),
        Period.DAY: Shape(rung=MINUTES, step=timedelta(minutes=15), points=96),
        Period.WEEK: Shape(rung=HOURS, step=timedelta(hours=2), points=84),
        Period.QUARTER: Shape(rung=HOURS, step=timedelta(days=1), points=90),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """At most so long took one half, and 95 of 100, of what was counted; None: longer than a day.

    Counts are kept in buckets, so both are the upper end of one.
    """

    median: timedelta | None
    p95: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What happened from ``at`` on, for one step.

    ``acknowledged`` requests were answered with 200, ``refused`` ones were not, by reason; messages
    are counted in the other four. A latency is None where there was nothing to measure.
    """

    at: datetime
    acknowledged: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    accepted: int = 0
    delivered: int = 0
    dead: int = 0
    expired: int = 0
    acknowledged_in: Latency | None = None
    delivered_in: Latency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The points of a period, oldest first, and all of them together in ``total``."""

    period: Period
    step: timedelta
    points: Sequence[Point]
    total: Point


async def read_series(log: DurableLog, subject: str, period: Period, *, now: datetime) -> Series:
    """The traffic of a subject (see ``spool.traffic``) until now. Raises Unavailable."""
    blocks = await read_blocks(log, SHAPES[period].rung, subject)
    return build_series(blocks, period, now=now)


def build_series(blocks: Iterable[Block], period: Period, *, now: datetime) -> Series:
    """The points of a period that ends with the step of ``now``."""
    shape = SHAPES[period]
    step = int(shape.step.total_seconds())
    first = int(now.timestamp()) // step - shape.points + 1
    cells = [Counter[str]() for _ in range(shape.points)]
    span, row_step = shape.rung.span.total_seconds(), shape.rung.step.total_seconds()
    for block in blocks:
        for row, counts in block.rows.items():
            at = int(block.number * span + row * row_step) // step - first
            if 0 <= at < shape.points:
                cells[at].update(counts)
    points = tuple(
        build_point(datetime.fromtimestamp((first + at) * step, UTC), counted)
        for at, counted in enumerate(cells)
    )
    total = build_point(points[0].at, sum(cells, Counter()))
    return Series(period=period, step=shape.step, points=points, total=total)


def build_point(at: datetime, cells: Mapping[str, int]) -> Point:
    """The point of what was counted in these cells."""
    refused = {
        name.removeprefix(REFUSED): count
        for name, count in sorted(cells.items())
        if name.startswith(REFUSED)
    }
    return Point(
        at=at,
        acknowledged=sum(cells.get(name, 0) for name in ACKNOWLEDGED),
        refused=refused,
        accepted=cells.get(ACCEPTED, 0),
        delivered=cells.get(DELIVERED, 0),
        dead=cells.get(DEAD, 0),
        expired=cells.get(EXPIRED, 0),
        acknowledged_in=_measure([cells.get(name, 0) for name in ACKNOWLEDGED]),
        delivered_in=_measure([cells.get(name, 0) for name in SENT]),
    )


def _measure(buckets: Sequence[int]) -> Latency | None:
    total = sum(buckets)
    if not total:
        return None
    return Latency(median=_bound(buckets, total * 0.5), p95=_bound(buckets, total * 0.95))


def _bound(buckets: Sequence[int], rank: float) -> timedelta | None:
    """The upper end of the bucket that the one of this rank is in."""
    reached = next(at for at, seen in enumerate(accumulate(buckets)) if seen >= rank)
    return timedelta(seconds=BOUNDS[reached]) if reached < len(BOUNDS) else None
