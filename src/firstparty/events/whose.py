"""Whose messages somebody may look at, and whose they may put in again."""

from datetime import datetime
from typing import Final

from firstparty.control.callers import Caller, require_role
from firstparty.control.workspaces import show_workspace
from firstparty.errors import NotFound
from firstparty.model.workspaces import Role, Source
from firstparty.store import workspaces
from firstparty.store.engine import Store
from firstparty.store.people import add_audit

_MAX_SOURCES: Final = 10_000


def list_sources(store: Store, caller: Caller, workspace_id: str) -> list[Source]:
    """Every source of a workspace, oldest first; raises NotFound."""
    show_workspace(store, caller, workspace_id)
    with store.read() as connection:
        return workspaces.list_sources(connection, workspace_id, limit=_MAX_SOURCES)


def find_source(store: Store, caller: Caller, source_id: str, role: Role) -> Source:
    """The source, for somebody who acts as ``role``; raises NotFound, Forbidden."""
    with store.read() as connection:
        source = workspaces.load_source(connection, source_id)
    if source is None:
        raise NotFound("source", source_id)
    require_role(caller, source.workspace_id, role, kind="source", identifier=source_id)
    return source


def audit_replay(
    store: Store, caller: Caller, source: Source, *, subject: str, replayed: int, now: datetime
) -> None:
    """Keep who put dead letters in again: ``subject`` is one of them, or their source."""
    with store.write() as connection:
        add_audit(
            connection,
            at=now,
            workspace_id=source.workspace_id,
            actor=caller.actor,
            action="letters.replayed",
            subject=subject,
            detail={"replayed": replayed},
        )
