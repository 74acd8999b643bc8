"""The operation that asks public resolvers for a domain's records."""

import asyncio
from datetime import timedelta
from threading import BoundedSemaphore
from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from firstparty.api.context import Here, Installation
from firstparty.api.problems import describe_problems
from firstparty.control.propagation import (
    Spread,
    SpreadRecord,
    fetch_propagation,
    plan_questions,
)
from firstparty.errors import TooMany

MAX_AT_ONCE: Final = 4
_RETRY_AFTER: Final = timedelta(seconds=3)

router = APIRouter(
    prefix="/domains", tags=["domains"], responses=describe_problems(401, 403, 404, 422, 429)
)


class SpreadAnswer(BaseModel):
    """What one resolver has at one name."""

    resolver: Annotated[str, Field(examples=["192.0.2.53:53"])]
    name: str
    type: str
    spread: Annotated[Spread, Field(description="What that is, beside what should be there")]
    values: list[str]
    ttl: Annotated[int | None, Field(description="Seconds for which it goes on answering this")]
    trouble: Annotated[str | None, Field(description="Why it is not known")]


@router.get("/{domain_id}/propagation")
def show_propagation(request: Request, here: Here, domain_id: str) -> list[SpreadAnswer]:
    """Ask public resolvers now, each for the records to add. Nothing is decided from it."""
    records = plan_questions(here.store, here.caller, domain_id, rules=here.rules)
    installation: Installation = request.app.state.installation
    if not installation.propagations.acquire(blocking=False):
        raise TooMany(
            "propagation-under-way",
            "Resolvers are being asked for others already: try again in a moment.",
            retry_after=_RETRY_AFTER,
        )
    try:
        found = asyncio.run(fetch_propagation(records, rules=here.rules))
    finally:
        installation.propagations.release()
    return [_answer(one) for one in found]


def new_turns() -> BoundedSemaphore:
    """How many may ask at once."""
    return BoundedSemaphore(MAX_AT_ONCE)


def _answer(one: SpreadRecord) -> SpreadAnswer:
    cached = one.cached
    failed = None if cached.rcode in {None, "NOERROR", "NXDOMAIN"} else cached.rcode
    return SpreadAnswer(
        resolver=str(cached.resolver),
        name=cached.name,
        type=cached.type,
        spread=one.spread,
        values=sorted(cached.values),
        ttl=cached.ttl,
        trouble=cached.trouble or failed,
    )
