from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from firstparty.events.charts import SHAPES, Latency, Period, build_point, build_series
from firstparty.spool.traffic import (
    ACCEPTED,
    ACKNOWLEDGED,
    BOUNDS,
    DELIVERED,
    HOURS,
    MINUTES,
    REFUSED,
    SENT,
    Block,
    Cells,
    count_latency,
)

NOW = datetime(2026, 11, 22, 10, 30, 20, tzinfo=UTC)
HOUR = int(NOW.timestamp()) // 3600
DAY = int(NOW.timestamp()) // 86_400


def test_what_several_processes_counted_in_a_minute_is_added() -> None:
    blocks = [
        Block(HOUR, {30: {ACCEPTED: 2}, 29: {DELIVERED: 1}}),
        Block(HOUR, {30: {ACCEPTED: 3}}),
    ]
    series = build_series(blocks, Period.HOUR, now=NOW)

    assert len(series.points) == 60
    assert series.points[-1].at == NOW.replace(second=0)
    assert series.points[-1].accepted == 5
    assert series.points[-2].delivered == 1
    assert (series.total.accepted, series.total.delivered) == (5, 1)


def test_what_is_older_than_the_period_or_of_a_clock_ahead_is_left_out() -> None:
    blocks = [
        Block(HOUR - 1, {30: {ACCEPTED: 7}, 31: {ACCEPTED: 1}}),
        Block(HOUR, {31: {ACCEPTED: 20}}),
    ]

    assert build_series(blocks, Period.HOUR, now=NOW).total.accepted == 1


def test_a_day_is_drawn_by_the_quarter_of_an_hour_and_longer_from_hours() -> None:
    day = build_series([Block(HOUR, {15: {ACCEPTED: 1}, 29: {ACCEPTED: 1}})], Period.DAY, now=NOW)
    quarter = build_series([Block(DAY, {0: {DELIVERED: 4}})], Period.QUARTER, now=NOW)

    assert day.points[-2].accepted == 2
    assert quarter.points[-1].delivered == 4
    assert len(quarter.points) == 90
    assert {period: shape.rung for period, shape in SHAPES.items()} == {
        Period.HOUR: MINUTES,
        Period.DAY: MINUTES,
        Period.WEEK: HOURS,
        Period.QUARTER: HOURS,
    }


def test_every_period_is_kept_whole() -> None:
    for shape in SHAPES.values():
        assert shape.step * shape.points < shape.rung.kept


def test_refusals_are_told_by_their_reason() -> None:
    point = build_point(NOW, {REFUSED + "no_write_key": 2, REFUSED + "bad_json": 1})

    assert point.refused == {"bad_json": 1, "no_write_key": 2}
    assert point.acknowledged == 0
    assert point.acknowledged_in is None


def test_a_latency_is_the_upper_end_of_its_bucket() -> None:
    cells = Cells()
    for _ in range(94):
        count_latency(cells, ACKNOWLEDGED, 0.0015)
    count_latency(cells, ACKNOWLEDGED, 0.3, times=6)
    count_latency(cells, SENT, 10 * 86_400.0)
    point = build_point(NOW, cells)

    assert point.acknowledged == 100
    assert point.acknowledged_in == Latency(
        median=timedelta(milliseconds=2), p95=timedelta(milliseconds=500)
    )
    assert point.delivered_in == Latency(median=None, p95=None)


@given(st.lists(st.floats(min_value=0, max_value=80_000), min_size=1, max_size=50))
def test_no_latency_is_understated(seconds: list[float]) -> None:
    cells = Cells()
    for one in seconds:
        count_latency(cells, SENT, one)
    found = build_point(NOW, cells).delivered_in

    assert found is not None
    assert found.median is not None
    at_most = sum(one <= found.median.total_seconds() for one in seconds)
    assert at_most * 2 >= len(seconds)
    assert found.median.total_seconds() in BOUNDS
