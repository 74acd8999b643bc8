"""The operations of /api/v1/sources/{id}/alias."""

from fastapi import APIRouter

from firstparty.api.context import Here
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.problems import describe_problems
from firstparty.api.source_answers import SourceDetail
from firstparty.control import aliases

router = APIRouter(
    prefix="/sources",
    tags=["sources"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422),
)


@router.post("/{source_id}/alias")
def rotate_alias(here: Here, source_id: str) -> SourceDetail:
    """Give it a new alias; the old one is served too until it is dropped. Needs editor."""
    view = aliases.rotate_alias(here.store, here.caller, source_id, rules=here.rules, now=here.now)
    return SourceDetail.of(view)


@router.delete("/{source_id}/alias")
def drop_old_alias(here: Here, source_id: str) -> SourceDetail:
    """Serve the old alias no more: pages that still have it get no script. Needs editor."""
    view = aliases.drop_old_alias(
        here.store, here.caller, source_id, rules=here.rules, now=here.now
    )
    return SourceDetail.of(view)
