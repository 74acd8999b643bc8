"""Workspaces: tenants, and which of them a request is about."""

from datetime import datetime
from typing import Final

from firstparty.control.callers import Caller, require_operator, require_role
from firstparty.control.fields import parse_title
from firstparty.errors import NotFound, Refused
from firstparty.model.identifiers import new_identifier, random_base62
from firstparty.model.workspaces import Role, Workspace
from firstparty.store import workspaces
from firstparty.store.engine import Store
from firstparty.store.people import add_audit

ALIAS_LENGTH: Final = 22  # 131 bits: nobody finds a script's path by guessing


def add_workspace(store: Store, caller: Caller, *, name: str, now: datetime) -> Workspace:
    """Make a tenant; only an operator may. Raises Forbidden, and Refused for a bad name."""
    require_operator(caller)
    workspace = Workspace(
        id=new_identifier("wsp"),
        name=parse_title(name, field="name"),
        alias=random_base62(ALIAS_LENGTH),
        created_at=now,
    )
    with store.write() as connection:
        workspaces.add_workspace(connection, workspace)
        add_audit(
            connection,
            at=now,
            workspace_id=workspace.id,
            actor=caller.actor,
            action="workspace.added",
            subject=workspace.id,
            detail={"name": workspace.name},
        )
    return workspace


def list_workspaces(
    store: Store, caller: Caller, *, after: str = "", limit: int = 100
) -> list[Workspace]:
    """The workspaces that the caller sees, by id, from after a cursor."""
    only = None if caller.everywhere is not None else list(caller.roles)
    with store.read() as connection:
        return workspaces.list_workspaces(connection, only=only, after=after, limit=limit)


def show_workspace(store: Store, caller: Caller, workspace_id: str) -> Workspace:
    """One workspace; raises NotFound, also for one that the caller has no role in."""
    require_role(caller, workspace_id, Role.VIEWER, kind="workspace", identifier=workspace_id)
    with store.read() as connection:
        workspace = workspaces.load_workspace(connection, workspace_id)
    if workspace is None:
        raise NotFound("workspace", workspace_id)
    return workspace


def choose_workspace(store: Store, caller: Caller, workspace_id: str | None) -> Workspace:
    """The workspace named, or the only one that the caller sees.

    Raises NotFound, and Refused where there is none to imply or more than one.
    """
    if workspace_id is not None:
        return show_workspace(store, caller, workspace_id)
    match list_workspaces(store, caller, limit=2):
        case [only]:
            return only
        case []:
            raise Refused(
                "workspace-missing",
                "There is no workspace yet: an operator adds the first one "
                "(firstparty workspaces add NAME).",
                field="workspace",
            )
        case _:
            raise Refused(
                "workspace-unsaid",
                "You see several workspaces: say which one this is about, by its id.",
                field="workspace",
            )
