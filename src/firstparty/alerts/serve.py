"""The role alerts: tells what is new, tries again what was not taken, until it is cancelled."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from firstparty.alerts.plan import KEPT, plan_alerts
from firstparty.alerts.send import Attempt, Sender
from firstparty.counts import Counts
from firstparty.model.alerts import Alert, AlertState, Channel
from firstparty.store import alerts, channels
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer
from firstparty.telemetry import Log

# Pause after the n-th try that failed; after the last one, given up: about two days.
RETRIES: Final = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
    timedelta(hours=24),
)
_POLL_SECONDS: Final = 2.0
_LOOKS_A_DIGEST: Final = 150  # about five minutes
_LEASE: Final = timedelta(seconds=60)
_AT_ONCE: Final = 8
_LOG: Final = Log("alerts")


async def serve_alerts(
    *,
    store: Store,
    sealer: Sealer,
    sender: Sender,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    poll_seconds: float = _POLL_SECONDS,
    counts: Counts | None = None,
) -> None:
    """Tell until cancelled. Several may run on one store: each alert is leased."""
    is_reachable = True
    for look in itertools.count():
        may_digest = look % _LOOKS_A_DIGEST == 0
        try:
            await tell_once(
                store=store,
                sealer=sealer,
                sender=sender,
                now=clock(),
                may_digest=may_digest,
                counts=counts,
            )
            is_reachable = True
        except SQLAlchemyError as error:
            if is_reachable:
                _LOG.warning("store.unreachable", error=type(error).__name__)
            is_reachable = False
        await asyncio.sleep(poll_seconds)


async def tell_once(
    *,
    store: Store,
    sealer: Sealer,
    sender: Sender,
    now: datetime,
    may_digest: bool = False,
    counts: Counts | None = None,
) -> int:
    """Plan what is new and try what is due; how many tries that was.

    ``may_digest``: look whether a digest is due even if nothing else is.
    """
    due = await asyncio.to_thread(_plan, store, sealer, now, may_digest)
    async with asyncio.TaskGroup() as group:
        for alert, channel in due:
            group.create_task(_try(store, sender, alert, channel, now, counts or Counts()))
    return len(due)


def _plan(
    store: Store,
    sealer: Sealer,
    now: datetime,
    may_digest: bool,  # noqa: FBT001 - to_thread passes it so
) -> list[tuple[Alert, Channel]]:
    with store.read() as connection:
        if not may_digest and not channels.is_anything_to_do(connection, now=now):
            return []
    with store.write() as connection:
        plan_alerts(connection, sealer, now=now)
        alerts.forget_old_alerts(connection, before=now - KEPT)
        taken = alerts.take_due_alerts(connection, now=now, lease=_LEASE, limit=_AT_ONCE)
        known = channels.load_channels(connection, {one.channel_id for one in taken}, sealer)
    return [(one, known[one.channel_id]) for one in taken]


async def _try(
    store: Store, sender: Sender, alert: Alert, channel: Channel, now: datetime, counts: Counts
) -> None:
    attempt = await sender.send(channel, alert, now=now)
    state, due_at = decide(attempt, tries=alert.tries, now=now)
    await asyncio.to_thread(_save, store, alert, attempt, state, due_at, now)
    counts.add("alert_tries_total", channel.kind, state)
    _LOG.info("alert.tried", channel=channel.id, alert=alert.id, state=state, tries=alert.tries)


def decide(attempt: Attempt, *, tries: int, now: datetime) -> tuple[AlertState, datetime | None]:
    """What a try means: done, given up, or when to try again. ``tries`` has this one in it."""
    if attempt.is_delivered:
        return AlertState.DELIVERED, None
    if attempt.is_final or tries > len(RETRIES):
        return AlertState.FAILED, None
    return AlertState.WAITING, now + RETRIES[tries - 1]


def _save(
    store: Store,
    alert: Alert,
    attempt: Attempt,
    state: AlertState,
    due_at: datetime | None,
    now: datetime,
) -> None:
    with store.write() as connection:
        alerts.save_attempt(
            connection, alert.id, state=state, due_at=due_at, answer=attempt.answer, now=now
        )
