"""The audit log, newest first. ``store.people.add_audit`` writes it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from firstparty.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who changed what. ``label`` is the actor's name for people; empty where nobody has it now."""

    number: int
    at: datetime
    workspace_id: str | None
    actor: str
    label: str
    action: str
    subject: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries; an empty text is any.

    ``action`` is a whole one (``domain.paused``) or the part before the dot (``domain``).
    """

    actor: str = ""
    action: str = ""
    subject: str = ""


def list_audit(
    connection: Connection,
    workspace_id: str | None,
    *,
    only: AuditFilter,
    before: int | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """Entries of a workspace (None: all there are), newest first, from before a number."""
    audit = tables.audit.c
    query = select(tables.audit)
    if workspace_id is not None:
        query = query.where(audit.workspace_id == workspace_id)
    if before is not None:
        query = query.where(audit.number < before)
    if only.actor:
        query = query.where(audit.actor == only.actor)
    if only.subject:
        query = query.where(audit.subject == only.subject)
    if only.action:
        is_whole = "." in only.action
        query = query.where(
            audit.action == only.action
            if is_whole
            else audit.action.startswith(f"{only.action}.", autoescape=True)
        )
    rows = connection.execute(query.order_by(audit.number.desc()).limit(limit)).all()
    labels = _labels(connection, {row.actor for row in rows})
    return [
        AuditEntry(
            number=row.number,
            at=row.at,
            workspace_id=row.workspace_id,
            actor=row.actor,
            label=labels.get(row.actor, ""),
            action=row.action,
            subject=row.subject,
            detail=row.detail,
        )
        for row in rows
    ]


def _labels(connection: Connection, actors: Collection[str]) -> dict[str, str]:
    """E-mail addresses of people and names of tokens, by actor; two queries at most."""
    labels = {"system": "Firstparty"}
    for kind, table, name in (
        ("person", tables.people, tables.people.c.email),
        ("token", tables.tokens, tables.tokens.c.name),
    ):
        ids = [one.partition(":")[2] for one in actors if one.startswith(f"{kind}:")]
        if ids:
            rows = connection.execute(select(table.c.id, name).where(table.c.id.in_(ids)))
            labels |= {f"{kind}:{identifier}": label for identifier, label in rows}
    return labels
