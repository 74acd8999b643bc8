"""Workspaces and their sources: rows to values and back."""

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from firstparty.model.plans import EVERYTHING, Plan
from firstparty.model.privacy import PrivacyRules
from firstparty.model.service_domain import WORKSPACE_ID
from firstparty.model.workspaces import Origin, Source, SourceType, Workspace
from firstparty.store import tables
from firstparty.store.source_feed import note_source

_WORKSPACE: Final = select(tables.workspaces).where(
    tables.workspaces.c.id == bindparam("workspace_id")
)
_SOURCES: Final = (
    select(tables.sources)
    .where(tables.sources.c.id.in_(bindparam("source_ids", expanding=True)))
    .order_by(tables.sources.c.number)
)


def add_workspace(connection: Connection, workspace: Workspace) -> None:
    """Store a new workspace."""
    connection.execute(
        insert(tables.workspaces).values(
            id=workspace.id,
            name=workspace.name,
            alias=workspace.alias,
            created_at=workspace.created_at,
            # The column's default is everything, and an older schema has no such column.
            **(
                {}
                if workspace.plan == EVERYTHING
                else {"plan": msgspec.to_builtins(workspace.plan)}
            ),
        )
    )


def load_workspace(connection: Connection, workspace_id: str) -> Workspace | None:
    """The workspace of this id."""
    row = connection.execute(_WORKSPACE, {"workspace_id": workspace_id}).first()
    return None if row is None else _workspace(row)


def load_workspaces(connection: Connection, workspace_ids: Collection[str]) -> dict[str, Workspace]:
    """The workspaces of these ids that exist, by id."""
    rows = connection.execute(
        select(tables.workspaces).where(tables.workspaces.c.id.in_(workspace_ids))
    )
    return {row.id: _workspace(row) for row in rows}


def save_plan(connection: Connection, workspace_id: str, plan: Plan) -> None:
    """Store what a workspace may use."""
    connection.execute(
        update(tables.workspaces)
        .where(tables.workspaces.c.id == workspace_id)
        .values(plan=msgspec.to_builtins(plan))
    )


def lock_workspace(connection: Connection, workspace_id: str) -> Workspace | None:
    """The workspace of this id, held until the end of the transaction: one at a time may write.

    SQLite has one writer at a time anyway.
    """
    row = connection.execute(
        select(tables.workspaces).where(tables.workspaces.c.id == workspace_id).with_for_update()
    ).first()
    return None if row is None else _workspace(row)


def list_workspaces(
    connection: Connection,
    *,
    only: Collection[str] | None = None,
    after: str = "",
    limit: int = 100,
) -> list[Workspace]:
    """Tenants by id, all of them or ``only`` some, from after a cursor."""
    query = select(tables.workspaces).where(
        tables.workspaces.c.id > after, tables.workspaces.c.id != WORKSPACE_ID
    )
    if only is not None:
        query = query.where(tables.workspaces.c.id.in_(only))
    rows = connection.execute(query.order_by(tables.workspaces.c.id).limit(limit))
    return [_workspace(row) for row in rows]


def add_source(connection: Connection, source: Source) -> Source:
    """Store a new source; the number in the answer is the one it got (``source.number`` is not)."""
    connection.execute(
        insert(tables.sources).values(
            id=source.id,
            workspace_id=source.workspace_id,
            name=source.name,
            type=source.type,
            write_key=source.write_key,
            region=source.region,
            upstream=source.upstream,
            alias=source.alias,
            old_alias=source.old_alias,
            settings=source.settings,
            origin=source.origin,
            privacy=msgspec.to_builtins(source.privacy),
            messages_per_second=source.messages_per_second,
            share=source.share,
            script_version=source.script_version,
            sealed_secret=source.sealed_secret or None,
            created_at=source.created_at,
        )
    )
    note_source(connection, source.id)
    stored = load_source(connection, source.id)
    assert stored is not None  # written by this very transaction
    return stored


def save_source(connection: Connection, source: Source) -> None:
    """Store what may be changed of a source that is there."""
    connection.execute(
        update(tables.sources)
        .where(tables.sources.c.id == source.id)
        .values(
            name=source.name,
            region=source.region,
            upstream=source.upstream,
            sealed_secret=source.sealed_secret or None,
            sealed_old_secret=source.sealed_old_secret or None,
            alias=source.alias,
            old_alias=source.old_alias,
            settings=source.settings,
            origin=source.origin,
            privacy=msgspec.to_builtins(source.privacy),
            messages_per_second=source.messages_per_second,
            share=source.share,
            script_version=source.script_version,
        )
    )
    note_source(connection, source.id)


def load_source(connection: Connection, source_id: str) -> Source | None:
    """The source of this id."""
    row = connection.execute(select(tables.sources).where(tables.sources.c.id == source_id)).first()
    return None if row is None else _source(row)


def load_sources(connection: Connection, source_ids: Iterable[str]) -> list[Source]:
    """The sources of these ids that exist, oldest first."""
    rows = connection.execute(_SOURCES, {"source_ids": list(source_ids)})
    return [_source(row) for row in rows]


def list_sources(
    connection: Connection,
    workspace_id: str,
    *,
    part: str = "",
    after: int = 0,
    limit: int = 100,
) -> list[Source]:
    """Sources of a workspace, oldest first, from after a source number.

    Given a ``part``, those with it in the name, and the one with this id or write key.
    """
    source = tables.sources.c
    query = select(tables.sources).where(source.workspace_id == workspace_id, source.number > after)
    if part:
        has_part = source.name.icontains(part, autoescape=True)
        query = query.where(or_(has_part, source.id == part, source.write_key == part))
    rows = connection.execute(query.order_by(source.number).limit(limit))
    return [_source(row) for row in rows]


def _workspace(row: Row[Any]) -> Workspace:
    return Workspace(
        id=row.id,
        name=row.name,
        alias=row.alias,
        created_at=row.created_at,
        plan=msgspec.convert(row.plan, Plan),
    )


def _source(row: Row[Any]) -> Source:
    return Source(
        id=row.id,
        number=row.number,
        workspace_id=row.workspace_id,
        name=row.name,
        type=SourceType(row.type),
        write_key=row.write_key,
        region=row.region,
        upstream=row.upstream,
        alias=row.alias,
        old_alias=row.old_alias,
        created_at=row.created_at,
        settings=row.settings,
        origin=Origin(row.origin),
        privacy=msgspec.convert(row.privacy, PrivacyRules),
        messages_per_second=row.messages_per_second,
        share=row.share,
        script_version=row.script_version,
        sealed_secret=row.sealed_secret or b"",
        sealed_old_secret=row.sealed_old_secret or b"",
    )
