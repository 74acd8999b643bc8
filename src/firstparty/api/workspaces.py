"""The operations of /api/v1/workspaces."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from firstparty.api.context import After, Here, Limit
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.pages import Page, build_page
from firstparty.api.problems import describe_problems
from firstparty.control import plans, workspaces
from firstparty.model.domains import Mode
from firstparty.model.plans import Plan
from firstparty.model.workspaces import Workspace

router = APIRouter(
    prefix="/workspaces",
    tags=["workspaces"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422),
)


class WorkspaceRequest(BaseModel):
    """A workspace to make."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Shop"}]})

    name: Annotated[str, Field(description="What people call it, up to 100 characters")]


class PlanBody(BaseModel):
    """What a workspace may use."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"modes": ["delegation", "cname"], "max_domains": 5}]},
    )

    modes: Annotated[
        list[Mode] | None, Field(description="Modes that its domains may have; null: all")
    ] = None
    max_domains: Annotated[
        StrictInt | None, Field(description="How many domains it may have; null: no limit")
    ] = None


class WorkspaceAnswer(BaseModel):
    """A tenant."""

    id: Annotated[str, Field(examples=["wsp_8Qm2xT4nB7vK1cD5sW9e"])]
    name: Annotated[str, Field(examples=["Shop"])]
    alias: Annotated[
        str,
        Field(
            description="The first part of its sources' script paths",
            examples=["mU51AcorMiom6E8j2m1UJi"],
        ),
    ]
    plan: Annotated[PlanBody, Field(description="What it may use, as the operator set it")]
    created_at: datetime


@router.get("")
def list_workspaces(here: Here, after: After = "", limit: Limit = 50) -> Page[WorkspaceAnswer]:
    """The workspaces that this token sees."""
    found = workspaces.list_workspaces(here.store, here.caller, after=after, limit=limit + 1)
    return build_page(found, limit, build=_answer, cursor=lambda workspace: workspace.id)


@router.post("", status_code=HTTPStatus.CREATED)
def add_workspace(here: Here, asked: WorkspaceRequest) -> WorkspaceAnswer:
    """Make a workspace. Needs an operator's token."""
    return _answer(workspaces.add_workspace(here.store, here.caller, name=asked.name, now=here.now))


@router.get("/{workspace_id}")
def show_workspace(here: Here, workspace_id: str) -> WorkspaceAnswer:
    """One workspace."""
    return _answer(workspaces.show_workspace(here.store, here.caller, workspace_id))


@router.put("/{workspace_id}/plan")
def set_plan(here: Here, workspace_id: str, asked: PlanBody) -> WorkspaceAnswer:
    """Set what a workspace may use; domains that it has stay. Needs an operator's token."""
    plan = Plan(
        modes=None if asked.modes is None else tuple(dict.fromkeys(asked.modes)),
        max_domains=asked.max_domains,
    )
    return _answer(plans.set_plan(here.store, here.caller, workspace_id, plan, now=here.now))


def _answer(workspace: Workspace) -> WorkspaceAnswer:
    return WorkspaceAnswer(
        id=workspace.id,
        name=workspace.name,
        alias=workspace.alias,
        plan=PlanBody(
            modes=None if workspace.plan.modes is None else list(workspace.plan.modes),
            max_domains=workspace.plan.max_domains,
        ),
        created_at=workspace.created_at,
    )
