"""What operators ask: /api/v1/usage, /api/v1/system and /api/v1/library."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from firstparty.api.context import After, Here, Installation, Limit
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.pages import Page, build_page
from firstparty.api.problems import describe_problems
from firstparty.control import machine
from firstparty.control.machine import EdgeState, Machine, MachineState, ProcessState, SpoolState
from firstparty.model.domains import Mode
from firstparty.store.usage import WorkspaceUsage

router = APIRouter(
    tags=["operator"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422, 503),
)


class UsageAnswer(BaseModel):
    """A workspace: what it may use, and what it does."""

    workspace_id: Annotated[str, Field(examples=["wsp_8Qm2xT4nB7vK1cD5sW9e"])]
    name: str
    modes: Annotated[list[Mode] | None, Field(description="By its plan; null: all")]
    max_domains: Annotated[int | None, Field(description="By its plan; null: no limit")]
    domains: Annotated[int, Field(description="That are not removed")]
    sources: int
    people: int

    @classmethod
    def of(cls, found: WorkspaceUsage) -> Self:
        """The answer for this workspace."""
        plan = found.workspace.plan
        return cls(
            workspace_id=found.workspace.id,
            name=found.workspace.name,
            modes=None if plan.modes is None else list(plan.modes),
            max_domains=plan.max_domains,
            domains=found.domains,
            sources=found.sources,
            people=found.people,
        )


class ProcessAnswer(BaseModel):
    """A process that answers."""

    name: Annotated[str, Field(examples=["cdn+forward"])]
    started_at: datetime
    cpu_seconds: float
    max_memory_bytes: int
    behind: Annotated[
        int | None, Field(description="Revisions of the feed to follow yet; null: follows none")
    ]

    @classmethod
    def of(cls, state: ProcessState) -> Self:
        """The answer for this process."""
        return cls.model_validate(state, from_attributes=True)


class EdgeAnswer(BaseModel):
    """The edge of this machine."""

    envoys: Annotated[int, Field(description="Connected")]
    hosts: int
    certificates: Annotated[int, Field(description="That Envoy has taken, by host")]
    acknowledged: Annotated[int, Field(description="Routes and certificates, since its start")]
    rejected: int
    acknowledged_at: datetime | None
    behind: Annotated[int, Field(description="Revisions of the feed to follow yet")]

    @classmethod
    def of(cls, state: EdgeState) -> Self:
        """The answer for this edge."""
        return cls.model_validate(state, from_attributes=True)


class SpoolAnswer(BaseModel):
    """The durable log."""

    groups: Annotated[int, Field(description="What arrived together is one")]
    size_bytes: int
    max_bytes: int
    oldest_at: datetime | None
    disk_free_bytes: int
    min_free_bytes: Annotated[int, Field(description="With less, requests get 503")]
    held_sources: Annotated[int, Field(description="Whose upstream is away for long")]

    @classmethod
    def of(cls, state: SpoolState) -> Self:
        """The answer for this log."""
        return cls(
            groups=state.groups,
            size_bytes=state.size_bytes,
            max_bytes=state.max_bytes,
            oldest_at=state.oldest_at,
            disk_free_bytes=state.disk_free_bytes,
            min_free_bytes=state.min_free_bytes,
            held_sources=len(state.held),
        )


class SystemAnswer(BaseModel):
    """What runs on the machine of control."""

    version: Annotated[str, Field(examples=["0.1.0"])]
    processes: list[ProcessAnswer]
    missing: Annotated[
        list[str] | None,
        Field(description="Roles that should run and do not; null: nobody tells"),
    ]
    edge: Annotated[EdgeAnswer | None, Field(description="null: none runs here")]
    spool: Annotated[SpoolAnswer | None, Field(description="null: the log does not answer")]

    @classmethod
    def of(cls, state: MachineState) -> Self:
        """The answer for this machine."""
        return cls(
            version=state.version,
            processes=[ProcessAnswer.of(one) for one in state.processes],
            missing=None if state.missing is None else list(state.missing),
            edge=None if state.edge is None else EdgeAnswer.of(state.edge),
            spool=None if state.spool is None else SpoolAnswer.of(state.spool),
        )


class VersionRequest(BaseModel):
    """A version of Analytics.js to install from npm."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"version": "1.84.3"}]}
    )

    version: Annotated[str, Field(description="Such as 1.84.3, or latest", max_length=40)]


class VersionAnswer(BaseModel):
    """A version that can be served."""

    version: Annotated[str, Field(examples=["1.84.3"])]
    pinned: Annotated[int, Field(description="Sources that have it as their own")]
    is_default: Annotated[bool, Field(description="All other sources get it: the newest")]
    is_own: Annotated[bool, Field(description="It comes with this installation")]


class LibraryAnswer(BaseModel):
    """The versions of Analytics.js, the newest first."""

    items: list[VersionAnswer]


@router.get("/usage")
def list_usage(
    here: Here,
    q: Annotated[str, Query(description="In the name, or the id", max_length=200)] = "",
    after: After = "",
    limit: Limit = 50,
) -> Page[UsageAnswer]:
    """The workspaces with their plans and what they use. Needs an operator's token."""
    found = machine.list_usage(here.store, here.caller, part=q, after=after, limit=limit + 1)
    return build_page(found, limit, build=UsageAnswer.of, cursor=lambda one: one.workspace.id)


@router.get("/system")
def show_system(request: Request, here: Here) -> SystemAnswer:
    """Roles, edge and log of the machine that control runs on. Needs an operator's token."""
    return SystemAnswer.of(machine.show_machine(_machine(request), here.caller, now=here.now))


@router.get("/library")
def show_library(request: Request, here: Here) -> LibraryAnswer:
    """The versions of Analytics.js that can be served. Needs an operator's token."""
    found = machine.list_versions(here.store, _machine(request), here.caller)
    items = [VersionAnswer.model_validate(one, from_attributes=True) for one in found]
    return LibraryAnswer(items=items)


@router.post("/library", status_code=HTTPStatus.CREATED)
def install_library(request: Request, here: Here, asked: VersionRequest) -> LibraryAnswer:
    """Install a version from npm; takes up to two minutes. Needs an operator's token."""
    machine.install_version(here.store, _machine(request), here.caller, asked.version, now=here.now)
    return show_library(request, here)


@router.delete("/library/{version}", status_code=HTTPStatus.NO_CONTENT)
def remove_library(request: Request, here: Here, version: str) -> None:
    """Serve a version no more that no source has as its own. Needs an operator's token."""
    machine.remove_version(here.store, _machine(request), here.caller, version, now=here.now)


def _machine(request: Request) -> Machine | None:
    installation: Installation = request.app.state.installation
    return installation.machine
