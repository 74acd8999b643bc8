"""The operation /api/v1/audit: who changed what."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from firstparty.api.context import After, ChosenWorkspace, Here, Limit
from firstparty.api.pages import Page, build_page
from firstparty.api.people import where
from firstparty.api.problems import describe_problems
from firstparty.control import audit
from firstparty.store.audit import AuditEntry, AuditFilter

router = APIRouter(
    prefix="/audit", tags=["audit"], responses=describe_problems(401, 403, 404, 422, 429)
)


class AuditAnswer(BaseModel):
    """One change."""

    at: datetime
    workspace_id: Annotated[str | None, Field(description="null: of the whole installation")]
    actor: Annotated[
        str, Field(description="person:…, token:… or system", examples=["person:per_8Qm2xT4nB7vK1"])
    ]
    label: Annotated[
        str, Field(description="Their e-mail address or name; empty if gone", examples=["Ann"])
    ]
    action: Annotated[str, Field(examples=["domain.requested"])]
    subject: Annotated[str, Field(description="What", examples=["dom_8Qm2xT4nB7vK1cD5sW9e"])]
    detail: Annotated[dict[str, Any], Field(examples=[{"name": "cdp.shop.com"}])]


@router.get("")
def list_audit(  # noqa: PLR0913 - one parameter for each filter
    here: Here,
    workspace: ChosenWorkspace = None,
    actor: Annotated[str, Query(description="Only theirs", max_length=80)] = "",
    action: Annotated[
        str, Query(description="Only these: `domain.paused`, or all of `domain`", max_length=80)
    ] = "",
    subject: Annotated[str, Query(description="Only of this thing, by id", max_length=80)] = "",
    after: After = "",
    limit: Limit = 50,
    *,
    everywhere: Annotated[
        bool, Query(description="Of the whole installation; needs an operator's token")
    ] = False,
) -> Page[AuditAnswer]:
    """Who changed what in a workspace, newest first. Needs the role admin."""
    found = audit.list_audit(
        here.store,
        here.caller,
        workspace_id=where(here, workspace, everywhere=everywhere),
        after=after,
        only=AuditFilter(actor=actor, action=action, subject=subject),
        limit=limit + 1,
    )
    return build_page(found, limit, build=_answer, cursor=lambda entry: str(entry.number))


def _answer(entry: AuditEntry) -> AuditAnswer:
    return AuditAnswer(
        at=entry.at,
        workspace_id=entry.workspace_id,
        actor=entry.actor,
        label=entry.label,
        action=entry.action,
        subject=entry.subject,
        detail=entry.detail,
    )
