"""Alert channels of a workspace: made, changed, tried, removed. For its admins."""

import base64
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from firstparty.control.callers import Caller, require_role
from firstparty.control.fields import parse_title
from firstparty.control.people import parse_email
from firstparty.errors import NotFound, Refused
from firstparty.model.alerts import Alert, Channel, ChannelKind, QuietHours
from firstparty.model.identifiers import new_identifier, new_timed_identifier
from firstparty.model.workspaces import Role
from firstparty.outbound.urls import parse_https
from firstparty.store import alerts, channels
from firstparty.store.engine import Store
from firstparty.store.people import add_audit
from firstparty.store.sealing import Sealer
from firstparty.store.workspaces import load_workspace

MAX_CHANNELS: Final = 50  # of a workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelChange:
    """What to change; None: leave it. ``quiet``: FROM, TO and zone as typed, empty for none."""

    name: str | None = None
    target: str | None = None
    is_enabled: bool | None = None
    quiet: tuple[str, str, str] | None = None


def add_channel(
    store: Store,
    sealer: Sealer,
    caller: Caller,
    *,
    workspace_id: str,
    kind: ChannelKind,
    change: ChannelChange,
    now: datetime,
) -> Channel:
    """Make a channel; a webhook's secret is in the answer. Raises Refused, NotFound, Forbidden."""
    _allow(caller, workspace_id, workspace_id)
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    channel = Channel(
        id=new_identifier("chn"),
        workspace_id=workspace_id,
        name="",
        kind=kind,
        target="",
        secret=secret if kind is ChannelKind.WEBHOOK else "",
        created_at=now,
    )
    good = replace(change, name=change.name or "", target=change.target or "")
    channel = apply_change(channel, good)
    with store.write() as connection:
        if load_workspace(connection, workspace_id) is None:
            raise NotFound("workspace", workspace_id)
        there = channels.list_channels(connection, sealer, workspace_id=workspace_id)
        if len(there) >= MAX_CHANNELS:
            raise Refused(
                "too-many-channels", f"A workspace has {MAX_CHANNELS} channels at most: remove one."
            )
        channels.add_channel(connection, channel, sealer)
        _audit(connection, caller, "channel.added", channel, now=now)
    return channel


def apply_change(channel: Channel, change: ChannelChange) -> Channel:
    """The channel as it is to be; raises Refused with the field."""
    if change.name is not None:
        channel = replace(channel, name=parse_title(change.name, field="name"))
    if change.target is not None:
        channel = replace(channel, target=_parse_target(channel.kind, change.target))
    if change.is_enabled is not None:
        channel = replace(channel, is_enabled=change.is_enabled)
    if change.quiet is not None:
        channel = replace(channel, quiet=_parse_quiet(*change.quiet))
    return channel


def list_channels(
    store: Store,
    sealer: Sealer,
    caller: Caller,
    *,
    workspace_id: str,
    after: str = "",
    limit: int = 100,
) -> list[Channel]:
    """The channels of a workspace, by id."""
    _allow(caller, workspace_id, workspace_id)
    with store.read() as connection:
        return channels.list_channels(
            connection, sealer, workspace_id=workspace_id, after=after, limit=limit
        )


def show_channel(store: Store, sealer: Sealer, caller: Caller, channel_id: str) -> Channel:
    """One channel; raises NotFound."""
    with store.read() as connection:
        return _load(connection, sealer, caller, channel_id)


def change_channel(
    store: Store,
    sealer: Sealer,
    caller: Caller,
    channel_id: str,
    *,
    change: ChannelChange,
    now: datetime,
) -> Channel:
    """Change a channel; switched on again, it tells what happens from now on."""
    with store.write() as connection:
        before = _load(connection, sealer, caller, channel_id)
        channel = apply_change(before, change)
        if channel != before:
            channels.save_channel(connection, channel, sealer)
            if channel.is_enabled and not before.is_enabled:
                channels.save_told(connection, channel_id, channels.newest_change(connection))
            _audit(connection, caller, "channel.changed", channel, now=now)
    return channel


def remove_channel(
    store: Store, sealer: Sealer, caller: Caller, channel_id: str, *, now: datetime
) -> Channel:
    """Forget a channel, and what was sent through it."""
    with store.write() as connection:
        channel = _load(connection, sealer, caller, channel_id)
        channels.remove_channel(connection, channel_id)
        _audit(connection, caller, "channel.removed", channel, now=now)
    return channel


def try_channel(
    store: Store, sealer: Sealer, caller: Caller, channel_id: str, *, now: datetime
) -> Alert:
    """Have a test alert sent, within seconds; the delivery log says what became of it."""
    identifier = new_timed_identifier("alr", now)
    with store.write() as connection:
        channel = _load(connection, sealer, caller, channel_id)
        alert = Alert(
            id=identifier,
            channel_id=channel.id,
            key=identifier,
            type="test",
            body={
                "text": f"A test of the channel {channel.name}: it works.",
                "channel": channel.id,
            },
            due_at=now,
            created_at=now,
            changed_at=now,
        )
        alerts.add_alert(connection, alert)
    return alert


def list_deliveries(
    store: Store,
    sealer: Sealer,
    caller: Caller,
    channel_id: str,
    *,
    after: str = "",
    limit: int = 100,
) -> list[Alert]:
    """What was told through a channel, newest first, and what became of it."""
    with store.read() as connection:
        _load(connection, sealer, caller, channel_id)
        return alerts.list_alerts(connection, channel_id, before=after, limit=limit)


def _parse_target(kind: ChannelKind, text: str) -> str:
    if kind is ChannelKind.EMAIL:
        return parse_email(text)
    try:
        parse_https(text.strip())
    except ValueError as error:
        sentence = (
            f"This is no address to send to ({error}): it is like https://hooks.example.com/x."
        )
        raise Refused("bad-address", sentence, field="target") from error
    return text.strip()


def _parse_quiet(start: str, end: str, zone: str) -> QuietHours | None:
    if not start and not end:
        return None
    try:
        quiet = QuietHours(
            start=time.fromisoformat(start), end=time.fromisoformat(end), zone=zone or "UTC"
        )
        ZoneInfo(quiet.zone)
    except (ValueError, ZoneInfoNotFoundError, OSError) as error:
        raise Refused(
            "quiet-invalid",
            "Quiet hours are two times and a time zone, such as 22:00, 07:00 and Europe/Berlin.",
            field="quiet",
        ) from error
    if quiet.start.tzinfo or quiet.end.tzinfo or quiet.start == quiet.end:
        raise Refused("quiet-invalid", "Give two different times, as 22:00.", field="quiet")
    return quiet


def _allow(caller: Caller, workspace_id: str, identifier: str, kind: str = "workspace") -> None:
    require_role(caller, workspace_id, Role.ADMIN, kind=kind, identifier=identifier)


def _load(connection: Connection, sealer: Sealer, caller: Caller, channel_id: str) -> Channel:
    channel = channels.load_channel(connection, channel_id, sealer)
    if channel is None:
        raise NotFound("channel", channel_id)
    _allow(caller, channel.workspace_id, channel_id, "channel")
    return channel


def _audit(
    connection: Connection, caller: Caller, action: str, channel: Channel, *, now: datetime
) -> None:
    add_audit(
        connection,
        at=now,
        workspace_id=channel.workspace_id,
        actor=caller.actor,
        action=action,
        subject=channel.id,
        detail={"name": channel.name, "kind": channel.kind},
    )


def show_target(channel: Channel) -> str:
    """What may be shown of where a channel leads: Slack's address is a secret by itself."""
    if channel.kind is ChannelKind.SLACK:
        return f"https://{parse_https(channel.target).host}/…"
    return channel.target
