"""Decides what is to be told through which channel, and stores it in one transaction.

What is told has a key, one for each change, and how far a channel was told is stored with it: so a
restart repeats nothing and leaves nothing out.
"""

from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from firstparty.alerts.messages import build_change_body, build_digest_body
from firstparty.model.alerts import Alert, Channel, is_news
from firstparty.model.identifiers import new_timed_identifier
from firstparty.model.status import Word
from firstparty.store import alerts, channels, news
from firstparty.store.news import Change
from firstparty.store.sealing import Sealer
from firstparty.store.work import load_observations

SOON: Final = timedelta(days=14)
KEPT: Final = timedelta(days=30)
_UNSETTLED: Final = timedelta(minutes=1)  # told by key, so that it may be looked at again
_DIGEST_AT: Final = time(9)  # in the channel's own zone


def plan_alerts(connection: Connection, sealer: Sealer, *, now: datetime) -> int:
    """Store what is new to tell; how many alerts that is."""
    planned = 0
    settled = news.newest_settled(connection, before=now - _UNSETTLED)
    for channel in channels.list_channels(connection, sealer):
        for change in news.list_changes(connection, channel.workspace_id, after=channel.told):
            if is_told(change):
                alert = _build_change(connection, channel, change, now)
                planned += alerts.add_alert(connection, alert)
        if settled > channel.told:
            channels.save_told(connection, channel.id, settled)
        planned += _plan_digest(connection, channel, now)
    return planned


def is_told(change: Change) -> bool:
    """Whether a change is worth a message: a word that is news, or something new to act on."""
    return bool(change.new_codes) if change.is_same_word else is_news(change.word)


def _build_change(connection: Connection, channel: Channel, change: Change, now: datetime) -> Alert:
    seen = load_observations(connection, [change.domain_id]).get(change.domain_id)
    findings = seen.findings if seen else ()
    if change.is_same_word:
        findings = tuple(one for one in findings if one.code in change.new_codes)
    body = build_change_body(change, [one.sentence for one in findings])
    return _build(
        channel,
        key=f"history.{change.number}",
        kind="domain.findings" if change.is_same_word else f"domain.{change.word}",
        body=body,
        due_at=now if change.word is Word.FAILING else due_at(channel, now),
        now=now,
    )


def _plan_digest(connection: Connection, channel: Channel, now: datetime) -> int:
    local = now.astimezone(ZoneInfo(channel.quiet.zone if channel.quiet else "UTC"))
    if channel.digest_on == local.date() or local.time() < _DIGEST_AT:
        return 0
    channels.save_digest(connection, channel.id, local.date())
    home, until = channel.workspace_id, now + SOON
    body = build_digest_body(
        certificates=news.list_expiring_certificates(connection, home, until=until),
        tokens=news.list_expiring_tokens(connection, home, now=now, until=until),
    )
    if body is None:
        return 0
    key = f"digest.{local:%Y-%m-%d}"
    due = due_at(channel, now)
    alerts.add_alert(
        connection, _build(channel, key=key, kind="digest", body=body, due_at=due, now=now)
    )
    return 1


def due_at(channel: Channel, now: datetime) -> datetime:
    """When to tell: now, or when the channel's quiet hours end."""
    end = channel.quiet and channel.quiet.end_of_quiet(now)
    return end or now


def _build(
    channel: Channel,
    *,
    key: str,
    kind: str,
    body: dict[str, Any],
    due_at: datetime,
    now: datetime,
) -> Alert:
    return Alert(
        id=new_timed_identifier("alr", now),
        channel_id=channel.id,
        key=key,
        type=kind,
        body=body,
        due_at=due_at,
        created_at=now,
        changed_at=now,
    )
