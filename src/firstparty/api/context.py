"""What every endpoint is given: the store, the rules, the time, and who asks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from typing import Annotated

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from firstparty.api.problems import Unauthenticated
from firstparty.api.rates import Rates
from firstparty.control.access import find_bearer
from firstparty.control.callers import Caller
from firstparty.control.machine import Machine
from firstparty.control.rules import Rules
from firstparty.control.tokens import is_bearer
from firstparty.control.workspaces import choose_workspace
from firstparty.doctor.checks import Doctor
from firstparty.events.whose import find_source, list_sources
from firstparty.model.workspaces import Role, Source, Workspace
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer

Clock = Callable[[], datetime]

_BEARER = HTTPBearer(
    bearerFormat="fp_<id>_<secret>",
    description="An API token: `Authorization: Bearer fp_…`, made by `firstparty tokens add`.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What all requests share."""

    store: Store
    rules: Rules
    clock: Clock
    log_url: str
    tails: asyncio.Semaphore
    proxy_checks: BoundedSemaphore
    propagations: BoundedSemaphore
    rates: Rates
    examinations: asyncio.Semaphore
    machine: Machine | None
    doctor: Doctor | None
    sealer: Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One request of somebody known."""

    store: Store
    rules: Rules
    now: datetime
    caller: Caller
    log_url: str
    sealer: Sealer

    def choose_workspace(self, workspace_id: str | None) -> Workspace:
        """The workspace named, or the only one that the caller sees."""
        return choose_workspace(self.store, self.caller, workspace_id or None)


def authenticate(installation: Installation, bearer: str | None) -> Caller:
    """Who sends this bearer token; raises Unauthenticated."""
    caller = None
    if bearer is not None and is_bearer(bearer):
        caller = find_bearer(installation.store, bearer, now=installation.clock())
    if caller is None:
        raise Unauthenticated(
            "token-needed",
            "Send an API token that is neither revoked nor expired: Authorization: Bearer fp_…",
        )
    return caller


def get_context(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
) -> Context:
    """The context of this request; raises Unauthenticated, TooMany."""
    installation: Installation = request.app.state.installation
    bearer = credentials.credentials if credentials else None
    caller = authenticate(installation, bearer)
    now = installation.clock()
    installation.rates.take(caller.actor, now=now)
    return Context(
        store=installation.store,
        rules=installation.rules,
        now=now,
        caller=caller,
        log_url=installation.log_url,
        sealer=installation.sealer,
    )


Here = Annotated[Context, Depends(get_context)]
ChosenWorkspace = Annotated[
    str | None,
    Query(
        description="The workspace's id; not needed where the token sees just one.",
        examples=["wsp_8Qm2xT4nB7vK1cD5sW9e"],
        max_length=64,
    ),
]
OfSource = Annotated[
    str | None, Query(alias="source", description="Of this source alone", max_length=64)
]
After = Annotated[
    str, Query(description="`next` of the page before; empty for the first page", max_length=64)
]
Limit = Annotated[int, Query(description="The most items on the page", ge=1, le=200)]


def choose_sources(here: Context, workspace: str | None, source_id: str | None) -> list[Source]:
    """The one source named, or all of the workspace, oldest first."""
    if source_id:
        return [find_source(here.store, here.caller, source_id, Role.VIEWER)]
    return list_sources(here.store, here.caller, here.choose_workspace(workspace).id)
