"""The operations of /api/v1/sources/{id}/traffic and /domains/{id}/traffic: what charts show."""

from asyncio import to_thread
from datetime import datetime, timedelta
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from firstparty.api.context import Context, Here
from firstparty.api.problems import describe_problems
from firstparty.control.domains import show_domain
from firstparty.events.charts import Latency, Period, Point, Series, read_series
from firstparty.events.spool import open_spool
from firstparty.events.whose import find_source
from firstparty.model.workspaces import Role
from firstparty.spool.traffic import domain_subject, source_subject

source_router = APIRouter(
    prefix="/sources", tags=["sources"], responses=describe_problems(401, 403, 404, 422, 503)
)
domain_router = APIRouter(
    prefix="/domains", tags=["domains"], responses=describe_problems(401, 403, 404, 422, 503)
)
OfPeriod = Annotated[
    Period,
    Query(
        description="`hour` by the minute, `day` by the quarter of an hour, `week` by two hours, "
        "`quarter` (90 days) by the day",
        examples=["day"],
    ),
]


class LatencyAnswer(BaseModel):
    """The upper ends of the buckets that half, and 95 of 100, are in; null: more than a day."""

    median_seconds: Annotated[float | None, Field(examples=[0.005])]
    p95_seconds: Annotated[float | None, Field(examples=[0.02])]

    @classmethod
    def of(cls, found: Latency | None) -> Self | None:
        """The answer for this latency."""
        if found is None:
            return None
        return cls(median_seconds=_seconds(found.median), p95_seconds=_seconds(found.p95))


class PointAnswer(BaseModel):
    """What happened in one step. Requests may carry many messages."""

    at: Annotated[datetime, Field(description="When the step begins")]
    acknowledged: Annotated[int, Field(description="Requests answered with 200, on disk")]
    refused: Annotated[
        dict[str, int],
        Field(description="Requests refused, by reason", examples=[{"no_write_key": 3}]),
    ]
    accepted: Annotated[int, Field(description="Messages found in the log")]
    delivered: Annotated[int, Field(description="Messages that the upstream took")]
    dead: Annotated[int, Field(description="Messages that became dead letters")]
    expired: Annotated[int, Field(description="Messages given up: too old")]
    acknowledged_in: Annotated[
        LatencyAnswer | None, Field(description="From arrival to the 200; null: no request")
    ]
    delivered_in: Annotated[
        LatencyAnswer | None, Field(description="From arrival to delivery; null: no delivery")
    ]

    @classmethod
    def of(cls, point: Point) -> Self:
        """The answer for this point."""
        return cls(
            at=point.at,
            acknowledged=point.acknowledged,
            refused=dict(point.refused),
            accepted=point.accepted,
            delivered=point.delivered,
            dead=point.dead,
            expired=point.expired,
            acknowledged_in=LatencyAnswer.of(point.acknowledged_in),
            delivered_in=LatencyAnswer.of(point.delivered_in),
        )


class TrafficAnswer(BaseModel):
    """A period in points, oldest first. The last one is under way."""

    period: Period
    step_seconds: Annotated[int, Field(examples=[900])]
    total: Annotated[PointAnswer, Field(description="All points together")]
    points: list[PointAnswer]

    @classmethod
    def of(cls, series: Series) -> Self:
        """The answer for this series."""
        return cls(
            period=series.period,
            step_seconds=int(series.step.total_seconds()),
            total=PointAnswer.of(series.total),
            points=[PointAnswer.of(point) for point in series.points],
        )


@source_router.get("/{source_id}/traffic")
async def show_source_traffic(
    here: Here, source_id: str, period: OfPeriod = Period.DAY
) -> TrafficAnswer:
    """How much came of a source, what became of it, and how long that took."""
    source = await to_thread(find_source, here.store, here.caller, source_id, Role.VIEWER)
    return await _read(here, source_subject(source.number), period)


@domain_router.get("/{domain_id}/traffic")
async def show_domain_traffic(
    here: Here, domain_id: str, period: OfPeriod = Period.DAY
) -> TrafficAnswer:
    """Requests to a domain's API host: messages are counted with their source."""
    view = await to_thread(show_domain, here.store, here.caller, domain_id, rules=here.rules)
    return await _read(here, domain_subject(view.domain.id), period)


async def _read(here: Context, subject: str, period: Period) -> TrafficAnswer:
    async with open_spool(here.log_url) as spool:
        return TrafficAnswer.of(await read_series(spool.log, subject, period, now=here.now))


def _seconds(one: timedelta | None) -> float | None:
    return None if one is None else one.total_seconds()
