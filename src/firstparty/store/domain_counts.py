"""Questions about many domains at once: names, numbers, who else serves a source."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from firstparty.model.claims import ClaimState
from firstparty.model.names import registrable_domain
from firstparty.model.status import Intent
from firstparty.store import tables

_PENDING: Final = (
    select(func.count())
    .select_from(tables.domains)
    .join(tables.claims, tables.claims.c.domain_id == tables.domains.c.id)
    .join(tables.statuses, tables.statuses.c.domain_id == tables.domains.c.id)
    .where(
        tables.domains.c.registrable == bindparam("registrable"),
        tables.domains.c.workspace_id == bindparam("workspace_id"),
        tables.statuses.c.due_at.is_not(None),
        tables.domains.c.intent == Intent.ACTIVE,
        tables.claims.c.state == ClaimState.PENDING,
    )
)


def load_names(connection: Connection, domain_ids: Collection[str]) -> dict[str, str]:
    """The names of these domains, by id."""
    rows = connection.execute(
        select(tables.domains.c.id, tables.domains.c.name).where(
            tables.domains.c.id.in_(domain_ids)
        )
    )
    return {row.id: row.name for row in rows}


def load_other_homes(
    connection: Connection, domain_id: str, source_ids: Collection[str]
) -> frozenset[str]:
    """Those of these sources that another domain, proved and not removed, serves too."""
    rows = connection.execute(
        select(tables.domain_sources.c.source_id)
        .join(tables.domains, tables.domains.c.id == tables.domain_sources.c.domain_id)
        .join(tables.claims, tables.claims.c.domain_id == tables.domains.c.id)
        .where(
            tables.domain_sources.c.source_id.in_(source_ids),
            tables.domains.c.id != domain_id,
            tables.domains.c.intent != Intent.REMOVED,
            tables.claims.c.state == ClaimState.PROVED,
        )
    )
    return frozenset(rows.scalars())


def count_wanted(connection: Connection, workspace_id: str) -> int:
    """How many domains a workspace has that are not removed."""
    return connection.execute(
        select(func.count())
        .select_from(tables.domains)
        .where(
            tables.domains.c.workspace_id == workspace_id,
            tables.domains.c.intent != Intent.REMOVED,
        )
    ).scalar_one()


def count_pending(connection: Connection, workspace_id: str, name: str) -> int:
    """How many names of this one's registrable domain a workspace waits for, it among them.

    Those that rest do not count, and those of other workspaces neither: nobody slows them down.
    """
    registrable = registrable_domain(name) or name
    return connection.execute(
        _PENDING, {"registrable": registrable, "workspace_id": workspace_id}
    ).scalar_one()
