"""Alerts on their way and what became of them: rows to values and back."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from firstparty.model.alerts import Alert, AlertState
from firstparty.store import tables


def add_alert(connection: Connection, alert: Alert) -> bool:
    """Store a new alert; False if the channel has one of its key already."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    added = connection.execute(
        insert(tables.alerts)
        .values(
            id=alert.id,
            channel_id=alert.channel_id,
            key=alert.key,
            type=alert.type,
            body=alert.body,
            state=alert.state,
            tries=alert.tries,
            due_at=alert.due_at,
            answer=alert.answer,
            created_at=alert.created_at,
            changed_at=alert.changed_at,
        )
        .on_conflict_do_nothing(index_elements=["channel_id", "key"])
    )
    return added.rowcount == 1


def take_due_alerts(
    connection: Connection, *, now: datetime, lease: timedelta, limit: int
) -> list[Alert]:
    """Take alerts that are due; each is due again after the lease, should we die meanwhile."""
    due = connection.execute(
        select(tables.alerts.c.id)
        .where(tables.alerts.c.due_at <= now)
        .order_by(tables.alerts.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).scalars()
    rows = connection.execute(
        update(tables.alerts)
        .where(tables.alerts.c.id.in_(list(due)))
        .values(due_at=now + lease, tries=tables.alerts.c.tries + 1)
        .returning(tables.alerts)
    )
    return [_alert(row) for row in rows]


def save_attempt(
    connection: Connection,
    alert_id: str,
    *,
    state: AlertState,
    due_at: datetime | None,
    answer: str,
    now: datetime,
) -> None:
    """Store what became of a try."""
    connection.execute(
        update(tables.alerts)
        .where(tables.alerts.c.id == alert_id)
        .values(state=state, due_at=due_at, answer=answer, changed_at=now)
    )


def list_alerts(
    connection: Connection, channel_id: str, *, before: str = "", limit: int = 100
) -> list[Alert]:
    """What was told through a channel, newest first; ids grow with time."""
    query = select(tables.alerts).where(tables.alerts.c.channel_id == channel_id)
    if before:
        query = query.where(tables.alerts.c.id < before)
    rows = connection.execute(query.order_by(tables.alerts.c.id.desc()).limit(limit))
    return [_alert(row) for row in rows]


def forget_old_alerts(connection: Connection, *, before: datetime) -> None:
    """Forget alerts that are done and were last touched before a time."""
    connection.execute(
        delete(tables.alerts).where(
            tables.alerts.c.due_at.is_(None), tables.alerts.c.changed_at < before
        )
    )


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        channel_id=row.channel_id,
        key=row.key,
        type=row.type,
        body=row.body,
        state=AlertState(row.state),
        tries=row.tries,
        due_at=row.due_at,
        answer=row.answer,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )
