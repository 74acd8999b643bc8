"""Series of traffic as drawings: bars and lines in the numbers of an SVG. Pure.

A drawing is 1,000 wide and 100 high and stretched to its place, so it holds no text: that is HTML
around it, which keeps its size.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from firstparty.console.words import say_count
from firstparty.events.charts import Latency, Period, Point, Series

WIDTH: Final = 1_000.0
HEIGHT: Final = 100.0
_FILLED: Final = 0.8  # of a bar's place
_SHORTEST: Final = timedelta(milliseconds=1)
_SCALES: Final = tuple(timedelta(seconds=one) for one in (1, 60, 3_600, 86_400))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One kind of what is stacked in a bar: its class in the stylesheet, and how much in all."""

    tone: str
    label: str
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A rectangle; ``tone`` is its class."""

    tone: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Stacked bars; ``highest`` is what the full height means."""

    parts: Sequence[Part]
    bars: Sequence[Bar]
    highest: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.bars


Kind = tuple[str, str, Callable[[Point], int]]  # tone, label, how many

REQUESTS: Final[tuple[Kind, ...]] = (
    ("good", "acknowledged", lambda point: point.acknowledged),
    ("bad", "refused", lambda point: sum(point.refused.values())),
)
MESSAGES: Final[tuple[Kind, ...]] = (
    ("good", "delivered", lambda point: point.delivered),
    ("bad", "dead", lambda point: point.dead),
    ("wait", "expired", lambda point: point.expired),
)


def draw_bars(series: Series, kinds: Sequence[Kind]) -> BarChart:
    """A bar for each point, its parts stacked in the order of ``kinds``."""
    values = [[count(point) for _, _, count in kinds] for point in series.points]
    highest = round_up(max(map(sum, values)))
    place = WIDTH / len(values)
    bars: list[Bar] = []
    for at, stack in enumerate(values):
        bottom = HEIGHT
        for (tone, _, _), value in zip(kinds, stack, strict=True):
            if value:
                height = value / highest * HEIGHT
                bottom -= height
                x, width = at * place + place * (1 - _FILLED) / 2, place * _FILLED
                bars.append(Bar(tone=tone, x=x, y=bottom, width=width, height=height))
    parts = tuple(
        Part(tone=tone, label=label, total=count(series.total)) for tone, label, count in kinds
    )
    return BarChart(parts=parts, bars=bars, highest=highest)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyChart:
    """Bars on a logarithmic scale from a millisecond to ``longest``."""

    bars: Sequence[Bar]
    longest: str


def draw_latency(series: Series, of: Callable[[Point], Latency | None]) -> LatencyChart:
    """How long 95 of 100 took; nothing where nothing was measured."""
    place = WIDTH / len(series.points)
    measured = [found.p95 or _SCALES[-1] for found in map(of, series.points) if found]
    longest = next(one for one in _SCALES if one >= max(measured, default=_SHORTEST))
    bars: list[Bar] = []
    for at, point in enumerate(series.points):
        found = of(point)
        if found is None:
            continue
        height = _place_of(found.p95, longest)
        x, width = at * place + place * (1 - _FILLED) / 2, place * _FILLED
        bars.append(Bar(tone="busy", x=x, y=HEIGHT - height, width=width, height=height))
    return LatencyChart(bars=bars, longest=say_short(longest))


def _place_of(length: timedelta | None, longest: timedelta) -> float:
    if length is None:
        return HEIGHT
    height = HEIGHT * math.log10(length / _SHORTEST) / math.log10(longest / _SHORTEST)
    return max(height, HEIGHT / 50)  # so that a millisecond is seen


def round_up(number: int) -> int:
    """The next number that people like: 1, 2 or 5 and noughts; 1 at least."""
    size = 1
    while size < number:
        for factor in (2, 5, 10):
            if size * factor >= number:
                return size * factor
        size *= 10
    return size


def say_latency(found: Latency | None) -> str:
    """``"at most 20 ms"``, of 95 in 100."""
    if found is None:
        return "-"
    return "more than a day" if found.p95 is None else f"≤ {say_short(found.p95)}"


def say_short(length: timedelta) -> str:
    """A length of time as one number with its unit: ``"20 ms"``, ``"5 min"``."""
    milliseconds = length / timedelta(milliseconds=1)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)):
        if milliseconds >= size:
            return f"{milliseconds / size:g} {unit}"
    return f"{milliseconds:g} ms"


def say_step(at: datetime, period: Period) -> str:
    """A point in time as its axis says it, in UTC."""
    match period:
        case Period.HOUR:
            return f"{at:%H:%M}"
        case Period.DAY | Period.WEEK:
            return f"{at:%a} {at:%H:%M}"
        case Period.QUARTER:
            return f"{at.day} {at:%b}"


def say_refusals(point: Point) -> str:
    """The reasons of refusals, the most frequent first: ``"no_write_key 12, invalid_json 3"``."""
    ranked = sorted(point.refused.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{reason} {say_count(count)}" for reason, count in ranked)
