"""What workspaces use, page by page, counted in SQL."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from firstparty.model.service_domain import WORKSPACE_ID
from firstparty.model.status import Intent
from firstparty.model.workspaces import Workspace
from firstparty.store import tables, workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceUsage:
    """A workspace and how much it has; removed domains are not counted."""

    workspace: Workspace
    domains: int
    sources: int
    people: int


def list_usage(
    connection: Connection, *, part: str = "", after: str = "", limit: int = 100
) -> list[WorkspaceUsage]:
    """Workspaces by id from after a cursor: all, or those with ``part`` in the name, or as id."""
    home = tables.workspaces.c
    query = select(home.id).where(home.id > after, home.id != WORKSPACE_ID)
    if part:
        query = query.where(or_(home.name.icontains(part, autoescape=True), home.id == part))
    ids = list(connection.execute(query.order_by(home.id).limit(limit)).scalars())
    found = workspaces.list_workspaces(connection, only=ids, limit=limit)
    is_wanted = tables.domains.c.intent != Intent.REMOVED
    domains = _count(connection, tables.domains, ids, is_wanted)
    sources = _count(connection, tables.sources, ids)
    people = _count(connection, tables.memberships, ids)
    return [
        WorkspaceUsage(
            workspace=one,
            domains=domains.get(one.id, 0),
            sources=sources.get(one.id, 0),
            people=people.get(one.id, 0),
        )
        for one in found
    ]


def count_pinned(connection: Connection) -> dict[str, int]:
    """How many sources have a version of Analytics.js of their own, by version."""
    version = tables.sources.c.script_version
    rows = connection.execute(
        select(version, func.count().label("number")).where(version != "").group_by(version)
    )
    return {row.script_version: row.number for row in rows}


def _count(
    connection: Connection, table: Table, ids: list[str], *conditions: ColumnElement[bool]
) -> dict[str, int]:
    """Rows of these workspaces, by workspace."""
    home = table.c.workspace_id
    rows = connection.execute(
        select(home, func.count().label("number")).where(home.in_(ids), *conditions).group_by(home)
    )
    return {row.workspace_id: row.number for row in rows}
