"""Alert channels: rows to values and back. Targets and secrets are sealed."""

from collections.abc import Collection
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from firstparty.model.alerts import Channel, ChannelKind, QuietHours
from firstparty.store import tables
from firstparty.store.sealing import Sealer


def add_channel(connection: Connection, channel: Channel, sealer: Sealer) -> None:
    """Store a new channel; what happened before is not told through it."""
    newest = connection.execute(select(func.max(tables.history.c.number))).scalar() or 0
    connection.execute(
        insert(tables.channels).values(
            id=channel.id,
            workspace_id=channel.workspace_id,
            created_at=channel.created_at,
            kind=channel.kind,
            told=newest,
            **_columns(channel, sealer),
        )
    )


def save_channel(connection: Connection, channel: Channel, sealer: Sealer) -> None:
    """Store what an owner may change of a channel."""
    connection.execute(
        update(tables.channels)
        .where(tables.channels.c.id == channel.id)
        .values(**_columns(channel, sealer))
    )


def remove_channel(connection: Connection, channel_id: str) -> None:
    """Forget a channel and what was sent through it."""
    connection.execute(delete(tables.alerts).where(tables.alerts.c.channel_id == channel_id))
    connection.execute(delete(tables.channels).where(tables.channels.c.id == channel_id))


def load_channel(connection: Connection, channel_id: str, sealer: Sealer) -> Channel | None:
    """The channel of this id."""
    row = connection.execute(
        select(tables.channels).where(tables.channels.c.id == channel_id)
    ).first()
    return None if row is None else _channel(row, sealer)


def load_channels(
    connection: Connection, channel_ids: Collection[str], sealer: Sealer
) -> dict[str, Channel]:
    """These channels, by id."""
    rows = connection.execute(select(tables.channels).where(tables.channels.c.id.in_(channel_ids)))
    return {row.id: _channel(row, sealer) for row in rows}


def list_channels(
    connection: Connection,
    sealer: Sealer,
    *,
    workspace_id: str | None = None,
    after: str = "",
    limit: int = 1_000,
) -> list[Channel]:
    """Channels by id: of a workspace, or the enabled ones of all."""
    query = select(tables.channels).where(tables.channels.c.id > after)
    if workspace_id is None:
        query = query.where(tables.channels.c.is_enabled)
    else:
        query = query.where(tables.channels.c.workspace_id == workspace_id)
    rows = connection.execute(query.order_by(tables.channels.c.id).limit(limit))
    return [_channel(row, sealer) for row in rows]


def save_told(connection: Connection, channel_id: str, told: int) -> None:
    """Remember how far the history was told through a channel."""
    connection.execute(
        update(tables.channels).where(tables.channels.c.id == channel_id).values(told=told)
    )


def save_digest(connection: Connection, channel_id: str, day: date) -> None:
    """Remember the day of a channel's last digest."""
    connection.execute(
        update(tables.channels).where(tables.channels.c.id == channel_id).values(digest_on=day)
    )


def newest_change(connection: Connection) -> int:
    """The number of the newest change there is."""
    return connection.execute(select(func.max(tables.history.c.number))).scalar() or 0


def _columns(channel: Channel, sealer: Sealer) -> dict[str, Any]:
    quiet = channel.quiet
    return {
        "name": channel.name,
        "sealed_target": sealer.seal(channel.target.encode(), context=f"{channel.id}.target"),
        "sealed_secret": sealer.seal(channel.secret.encode(), context=f"{channel.id}.secret"),
        "is_enabled": channel.is_enabled,
        "quiet": quiet
        and {
            "start": quiet.start.isoformat("minutes"),
            "end": quiet.end.isoformat("minutes"),
            "zone": quiet.zone,
        },
    }


def _channel(row: Row[Any], sealer: Sealer) -> Channel:
    quiet = row.quiet
    return Channel(
        id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        kind=ChannelKind(row.kind),
        target=sealer.open(row.sealed_target, context=f"{row.id}.target").decode(),
        secret=sealer.open(row.sealed_secret, context=f"{row.id}.secret").decode(),
        is_enabled=row.is_enabled,
        quiet=quiet
        and QuietHours(
            start=time.fromisoformat(quiet["start"]),
            end=time.fromisoformat(quiet["end"]),
            zone=quiet["zone"],
        ),
        created_at=row.created_at,
        told=row.told,
        digest_on=row.digest_on,
    )


def is_anything_to_do(connection: Connection, *, now: datetime) -> bool:
    """Whether there is a change or an alert to see to: a read, so that idling costs no write."""
    newest, channel = newest_change(connection), tables.channels.c
    behind = select(channel.id).where(channel.is_enabled, channel.told < newest).limit(1)
    due = select(tables.alerts.c.id).where(tables.alerts.c.due_at <= now).limit(1)
    return any(connection.execute(query).first() is not None for query in (behind, due))
