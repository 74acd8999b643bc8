"""What the control process tells: domains, certificates, alerts, and the ledger of messages."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from firstparty.config.settings import Settings
from firstparty.control.callers import SYSTEM
from firstparty.control.certificate_queue import show_queue
from firstparty.control.rules import build_rules
from firstparty.errors import Unavailable
from firstparty.events.ledger import LedgerNow, read_ledger
from firstparty.events.spool import open_spool
from firstparty.model.alerts import AlertState
from firstparty.model.status import Intent, Word
from firstparty.serve.metrics.catalogue import (
    ACCEPTED,
    ALERTS,
    DEAD,
    DELIVERED,
    DOMAINS,
    EXPIRY,
    LOG_UP,
    OVERDUE,
    STORE_UP,
    WAITING,
)
from firstparty.serve.metrics.of_roles import (
    DISK_FREE,
    FEED_PUBLISHED,
    LIMIT_USED,
    LOG_BYTES,
    ORDERS_WAITING,
)
from firstparty.serve.metrics.text import Sample
from firstparty.store import tables
from firstparty.store.engine import Store
from firstparty.store.words import word_column


async def collect_control(store: Store, settings: Settings) -> list[Sample]:
    """All of it; what is away is told as being away."""
    log_url = settings.spool.log_url
    disk = [Sample(metric=DISK_FREE, value=_free_bytes(settings.state_directory))]
    try:
        samples = await asyncio.to_thread(lambda: list(_collect_store(store, datetime.now(UTC))))
        samples += await asyncio.to_thread(_collect_authorities, store, settings)
        ids = await asyncio.to_thread(_list_ids, store)
    except SQLAlchemyError:
        return [*disk, Sample(metric=STORE_UP, value=0)]
    samples += disk
    try:
        async with open_spool(log_url) as spool:
            now = await read_ledger(spool.log, spool.outcomes)
            samples.append(Sample(metric=LOG_BYTES, value=(await spool.log.state()).size_bytes))
    except Unavailable:
        return [*samples, Sample(metric=LOG_UP, value=0)]
    return [*samples, Sample(metric=LOG_UP, value=1), *_collect_ledger(now, ids)]


def _collect_store(store: Store, now: datetime) -> Iterator[Sample]:
    seen, domains, certificates = tables.statuses.c, tables.domains.c, tables.certificates.c
    word = word_column().label("word")
    joined = tables.domains.join(tables.statuses, seen.domain_id == domains.id)
    newest = (
        select(func.max(certificates.not_after).label("ends"))
        .join(tables.domains, domains.id == certificates.domain_id)
        .where(domains.intent == Intent.ACTIVE)
        .group_by(certificates.domain_id)
        .subquery()
    )
    with store.read() as connection:
        counted = connection.execute(
            select(word, func.count().label("number")).select_from(joined).group_by(word)
        )
        words: dict[str, int] = {row.word: row.number for row in counted}
        due = connection.execute(select(func.min(seen.due_at))).scalar()
        ends = connection.execute(select(func.min(newest.c.ends))).scalar()
        state = tables.alerts.c.state
        counted = connection.execute(select(state, func.count().label("number")).group_by(state))
        states: dict[str, int] = {row.state: row.number for row in counted}
        published = connection.execute(select(tables.revision.c.number)).scalar() or 0
    yield Sample(metric=STORE_UP, value=1)
    yield Sample(metric=FEED_PUBLISHED, value=published)
    for each in Word:
        if each is not Word.REMOVED:
            yield Sample(metric=DOMAINS, value=words.get(each, 0), labels={"status": each})
    overdue = max(0.0, (now - due).total_seconds()) if due else 0.0
    yield Sample(metric=OVERDUE, value=overdue)
    if ends is not None:
        yield Sample(metric=EXPIRY, value=ends.timestamp())
    for one in AlertState:
        yield Sample(metric=ALERTS, value=states.get(one, 0), labels={"state": one})


def _collect_authorities(store: Store, settings: Settings) -> list[Sample]:
    queue = show_queue(store, SYSTEM, rules=build_rules(settings), now=datetime.now(UTC))
    samples = [Sample(metric=ORDERS_WAITING, value=queue.waiting_count)]
    for authority in queue.authorities:
        for one in authority.limits:
            used = max((count for _, count in one.used), default=0) / one.rate.most
            labels = {"authority": authority.name, "limit": one.use}
            samples.append(Sample(metric=LIMIT_USED, value=used, labels=labels))
    return samples


def _free_bytes(directory: Path) -> int:
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


def _list_ids(store: Store) -> dict[int, str]:
    with store.read() as connection:
        rows = connection.execute(select(tables.sources.c.number, tables.sources.c.id))
        return {row.number: row.id for row in rows}


def _collect_ledger(now: LedgerNow, ids: dict[int, str]) -> Iterator[Sample]:
    for number, account in sorted(now.ledger.accounts.items()):
        labels = {"source": ids.get(number, str(number))}
        yield Sample(metric=ACCEPTED, value=account.accepted, labels=labels)
        yield Sample(metric=DELIVERED, value=account.delivered, labels=labels)
        yield Sample(metric=DEAD, value=account.dead - account.replayed, labels=labels)
        yield Sample(metric=WAITING, value=account.waiting, labels=labels)
