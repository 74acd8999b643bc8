"""The operations of /api/v1/sources/{id}/webhook-secret."""

from fastapi import APIRouter

from firstparty.api.context import Here
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.problems import describe_problems
from firstparty.api.source_answers import SourceAndSecret, SourceDetail
from firstparty.control import webhook_rotation

router = APIRouter(
    prefix="/sources",
    tags=["sources"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422),
)


@router.post("/{source_id}/webhook-secret")
def rotate_webhook_secret(here: Here, source_id: str) -> SourceAndSecret:
    """Give a webhook upstream a new secret, shown in this answer; the old one signs too.

    Needs the role editor.
    """
    view = webhook_rotation.rotate_secret(
        here.store, here.caller, source_id, rules=here.rules, now=here.now
    )
    return SourceAndSecret.of_change(view)


@router.delete("/{source_id}/webhook-secret")
def drop_old_webhook_secret(here: Here, source_id: str) -> SourceDetail:
    """Sign with the present secret alone. Needs the role editor."""
    view = webhook_rotation.drop_old_secret(
        here.store, here.caller, source_id, rules=here.rules, now=here.now
    )
    return SourceDetail.of(view)
