from datetime import UTC, datetime, timedelta

import pytest

from firstparty.console import chart
from firstparty.events.charts import Latency, Period, Point, Series, build_series
from firstparty.spool.traffic import Block

NOW = datetime(2026, 11, 22, 10, 30, 20, tzinfo=UTC)
HOUR = int(NOW.timestamp()) // 3600


def a_series(**row: int) -> Series:
    cells = {name.replace("_", ".", 1): count for name, count in row.items()}
    return build_series([Block(HOUR, {30: cells})], Period.HOUR, now=NOW)


def test_parts_are_stacked_to_the_height_of_their_sum() -> None:
    drawn = chart.draw_bars(a_series(delivered=150, dead=50), chart.MESSAGES)
    good, bad = drawn.bars

    assert drawn.highest == 200
    assert (good.tone, good.y, good.height) == ("good", 25, 75)
    assert (bad.tone, bad.y, bad.height) == ("bad", 0, 25)
    assert good.x + good.width <= chart.WIDTH
    assert [(part.label, part.total) for part in drawn.parts] == [
        ("delivered", 150),
        ("dead", 50),
        ("expired", 0),
    ]


def test_where_nothing_came_nothing_is_drawn() -> None:
    series = a_series()

    assert chart.draw_bars(series, chart.REQUESTS).is_empty
    assert chart.draw_latency(series, lambda point: point.acknowledged_in).bars == []


def test_refusals_are_told_with_the_most_frequent_first() -> None:
    series = a_series(refused_invalid_json=3, refused_no_write_key=1_200)

    assert chart.say_refusals(series.total) == "no_write_key 1\u202f200, invalid_json 3"
    assert chart.draw_bars(series, chart.REQUESTS).bars[0].tone == "bad"


@pytest.mark.parametrize(("bucket", "longest"), [(3, "1 s"), (11, "1 min"), (20, "1 d")])
def test_the_scale_of_a_latency_goes_as_far_as_it_must(bucket: int, longest: str) -> None:
    series = a_series(**{f"acknowledged_{bucket}": 1})
    drawn = chart.draw_latency(series, lambda point: point.acknowledged_in)

    assert drawn.longest == longest
    assert 0 < drawn.bars[0].height <= chart.HEIGHT


@pytest.mark.parametrize(
    ("number", "expected"), [(0, 1), (1, 1), (3, 5), (6, 10), (101, 200), (5_000, 5_000)]
)
def test_the_top_of_an_axis_is_a_round_number(number: int, expected: int) -> None:
    assert chart.round_up(number) == expected


def test_a_latency_is_told_as_a_bound() -> None:
    found = [
        chart.say_latency(None),
        chart.say_latency(Latency(median=None, p95=None)),
        chart.say_latency(Latency(median=None, p95=timedelta(milliseconds=20))),
        chart.say_latency(Latency(median=None, p95=timedelta(minutes=5))),
    ]

    assert found == ["-", "more than a day", "≤ 20 ms", "≤ 5 min"]


@pytest.mark.parametrize(
    ("period", "said"),
    [(Period.HOUR, "10:30"), (Period.DAY, "Sun 10:30"), (Period.QUARTER, "22 Nov")],
)
def test_a_step_is_told_as_its_period_needs_it(period: Period, said: str) -> None:
    assert chart.say_step(Point(at=NOW).at, period) == said
