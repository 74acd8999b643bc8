"""What the control process tells: domains, certificates, alerts, and the ledger of messages."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

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
from firstparty.serve.metrics.text import Sample
from firstparty.store import tables
from firstparty.store.engine import Store
from firstparty.store.words import word_column


async def collect_control(store: Store, log_url: str) -> list[Sample]:
    """All of it; what is away is told as being away."""
    try:
        samples = await asyncio.to_thread(lambda: list(_collect_store(store, datetime.now(UTC))))
        ids = await asyncio.to_thread(_list_ids, store)
    except SQLAlchemyError:
        return [Sample(metric=STORE_UP, value=0)]
    try:
        async with open_spool(log_url) as spool:
            now = await read_ledger(spool.log, spool.outcomes)
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
    yield Sample(metric=STORE_UP, value=1)
    for each in Word:
        if each is not Word.REMOVED:
            yield Sample(metric=DOMAINS, value=words.get(each, 0), labels={"status": each})
    overdue = max(0.0, (now - due).total_seconds()) if due else 0.0
    yield Sample(metric=OVERDUE, value=overdue)
    if ends is not None:
        yield Sample(metric=EXPIRY, value=ends.timestamp())
    for one in AlertState:
        yield Sample(metric=ALERTS, value=states.get(one, 0), labels={"state": one})


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
