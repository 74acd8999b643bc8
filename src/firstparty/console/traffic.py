"""Traffic and latency of a domain's API host, and of a source: on their pages, and by itself."""

from typing import Any, Final

from starlette.responses import Response

from firstparty.console import chart
from firstparty.console.domain import load_domain
from firstparty.console.messages import ask_spool
from firstparty.console.pages import render_fragment, render_page, workspace_values
from firstparty.console.source_pages import source_values
from firstparty.console.visits import Visit
from firstparty.errors import Unavailable
from firstparty.events.charts import Period, Point, Series, read_series
from firstparty.events.spool import Spool
from firstparty.spool.traffic import domain_subject, source_subject

PERIODS: Final = {
    Period.HOUR: "Hour",
    Period.DAY: "Day",
    Period.WEEK: "Week",
    Period.QUARTER: "90 days",
}


def show_domain_traffic(visit: Visit) -> Response:
    """The page of a domain's traffic."""
    values = workspace_values(visit, area="domains")
    view = load_domain(visit)
    here = f"{values['base']}/domains/{view.domain.id}"
    facts = _facts(visit, domain_subject(view.domain.id), here, is_source=False)
    return render_page(
        visit, "domain_traffic.html", **values, **facts, view=view, tab="traffic", is_whole=True
    )


def chart_domain_traffic(visit: Visit) -> Response:
    """The same as a part of the domain's page."""
    view = load_domain(visit)
    here = f"/workspaces/{view.domain.workspace_id}/domains/{view.domain.id}"
    facts = _facts(visit, domain_subject(view.domain.id), here, is_source=False)
    return render_fragment(visit, "traffic_charts.html", **facts, is_whole=False)


def show_source_traffic(visit: Visit) -> Response:
    """The page of a source's traffic."""
    values = source_values(visit, tab="traffic")
    view = values["view"]
    facts = _facts(visit, source_subject(view.source.number), values["here"], is_source=True)
    return render_page(visit, "source_traffic.html", **(values | facts), is_whole=True)


def chart_source_traffic(visit: Visit) -> Response:
    """The same as a part of the source's page."""
    values = source_values(visit, tab="traffic")
    view = values["view"]
    facts = _facts(visit, source_subject(view.source.number), values["here"], is_source=True)
    return render_fragment(visit, "traffic_charts.html", **facts, is_whole=False)


def _facts(visit: Visit, subject: str, here: str, *, is_source: bool) -> dict[str, Any]:
    """What the charts need; ``series`` is None while the log does not answer."""
    asked = visit.query.get("period", "")
    period = Period(asked) if asked in set(Period) else Period.DAY

    async def read(spool: Spool) -> Series:
        return await read_series(spool.log, subject, period, now=visit.now)

    try:
        series: Series | None = ask_spool(visit, read)
    except Unavailable:
        series = None
    facts = {"here": here, "period": period, "periods": PERIODS, "is_source": is_source}
    return facts | {"series": series} | (_drawings(series, is_source=is_source) if series else {})


def _drawings(series: Series, *, is_source: bool) -> dict[str, Any]:
    middle = series.points[len(series.points) // 2]
    ticks = (series.points[0], middle, series.points[-1])
    return {
        "requests": chart.draw_bars(series, chart.REQUESTS),
        "messages": chart.draw_bars(series, chart.MESSAGES) if is_source else None,
        "acknowledged_bars": chart.draw_latency(series, lambda point: point.acknowledged_in),
        "delivered_bars": chart.draw_latency(series, lambda point: point.delivered_in),
        "acknowledged_in": chart.say_latency(series.total.acknowledged_in),
        "delivered_in": chart.say_latency(series.total.delivered_in),
        "refusals": chart.say_refusals(series.total),
        "ticks": [chart.say_step(point.at, series.period) for point in ticks],
        "rows": [_row(point, series.period) for point in reversed(series.points) if _is_any(point)],
    }


def _is_any(point: Point) -> bool:
    return any(
        (point.acknowledged, point.refused, point.accepted, point.delivered, point.dead)
    ) or bool(point.expired)


def _row(point: Point, period: Period) -> dict[str, Any]:
    return {
        "at": chart.say_step(point.at, period),
        "point": point,
        "refused": sum(point.refused.values()),
        "acknowledged_in": chart.say_latency(point.acknowledged_in),
        "delivered_in": chart.say_latency(point.delivered_in),
    }
