"""How every change of a source begins and ends: what stands around it, and who learns of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from firstparty.control.callers import Caller, require_role
from firstparty.control.rules import Rules
from firstparty.control.sources import SourceView, build_source_view
from firstparty.errors import NotFound
from firstparty.model.domains import Domain
from firstparty.model.workspaces import Role, Source, Workspace
from firstparty.store import work, workspaces
from firstparty.store.domains import load_domains_of_sources
from firstparty.store.engine import Store
from firstparty.store.people import add_audit


def load_to_edit(
    connection: Connection, caller: Caller, source_id: str
) -> tuple[Source, Workspace, Domain | None]:
    """The source with its workspace and domain, for an editor; raises NotFound, Forbidden."""
    source = workspaces.load_source(connection, source_id)
    if source is None:
        raise NotFound("source", source_id)
    require_role(caller, source.workspace_id, Role.EDITOR, kind="source", identifier=source_id)
    workspace = workspaces.load_workspace(connection, source.workspace_id)
    assert workspace is not None  # a foreign key holds it
    return source, workspace, load_domains_of_sources(connection, [source_id]).get(source_id)


def edit_source(
    store: Store,
    caller: Caller,
    source_id: str,
    apply: Callable[[Source], Source],
    *,
    action: str,
    rules: Rules,
    now: datetime,
) -> SourceView:
    """Do one thing to a source, noted as ``action``; the edge learns at once."""
    with store.write() as connection:
        source, workspace, domain = load_to_edit(connection, caller, source_id)
        changed = apply(source)
        save_edited(
            connection,
            caller,
            changed,
            domain,
            action=action,
            detail={"name": source.name},
            now=now,
        )
    return build_source_view(changed, workspace, domain, rules)


def save_edited(
    connection: Connection,
    caller: Caller,
    changed: Source,
    domain: Domain | None,
    *,
    action: str,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    """Store a source as it is now, note who did ``action``, and have the reconciler publish it."""
    workspaces.save_source(connection, changed)
    add_audit(
        connection,
        at=now,
        workspace_id=changed.workspace_id,
        actor=caller.actor,
        action=action,
        subject=changed.id,
        detail=detail,
    )
    if domain is not None:
        work.wake(connection, domain.id, now=now)
