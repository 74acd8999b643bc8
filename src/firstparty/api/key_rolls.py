"""The operation that replaces the key of a domain's zone."""

from http import HTTPStatus

from fastapi import APIRouter

from firstparty.api.context import Here
from firstparty.api.domain_answers import DomainAnswer
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.problems import describe_problems
from firstparty.control.key_rolls import roll_key

router = APIRouter(
    prefix="/domains",
    tags=["domains"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422, 429),
)


@router.post("/{domain_id}/key-roll", status_code=HTTPStatus.ACCEPTED)
def roll_zone_key(here: Here, domain_id: str) -> DomainAnswer:
    """Replace the key that the zone is signed with, step by step; needs the role editor."""
    view = roll_key(here.store, here.caller, domain_id, rules=here.rules, now=here.now)
    return DomainAnswer.of(view)
