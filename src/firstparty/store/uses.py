"""What was used of the certificate authorities' limits, and what of it is promised to whom."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, distinct, func, insert, select

from firstparty.model.authorities import Breaker, Counter, Failure, Promise, Use
from firstparty.store import tables

_TIMES: Final = (
    select(tables.uses.c.at)
    .where(
        tables.uses.c.authority == bindparam("authority"),
        tables.uses.c.use == bindparam("use"),
        tables.uses.c.key == bindparam("key"),
        tables.uses.c.at > bindparam("since"),
    )
    .order_by(tables.uses.c.at)
)
_PROMISE: Final = (
    select(tables.uses)
    .where(tables.uses.c.domain_id == bindparam("domain_id"), tables.uses.c.order_id.is_(None))
    .order_by(tables.uses.c.number)
)
_BREAKERS: Final = select(tables.breakers)


def load_times(
    connection: Connection, authority: str, counter: Counter, *, since: datetime
) -> list[datetime]:
    """When it was used, or will be, since then: in order."""
    wanted = {"authority": authority, "use": counter.use, "key": counter.key, "since": since}
    return list(connection.execute(_TIMES, wanted).scalars())


def add_uses(
    connection: Connection,
    authority: str,
    counters: Iterable[Counter],
    *,
    at: datetime,
    domain_id: str | None = None,
    order_id: str | None = None,
) -> None:
    """Count one use of each; without an order it is a promise to the domain."""
    rows = [
        {
            "authority": authority,
            "use": counter.use,
            "key": counter.key,
            "at": at,
            "domain_id": domain_id,
            "order_id": order_id,
        }
        for counter in counters
    ]
    if rows:
        connection.execute(insert(tables.uses), rows)


def load_promise(connection: Connection, domain_id: str) -> Promise | None:
    """What this domain waits for, if it was told to."""
    row = connection.execute(_PROMISE, {"domain_id": domain_id}).first()
    return None if row is None else _promise(row)


def count_uses(
    connection: Connection, authority: str, use: Use, *, since: datetime, now: datetime
) -> list[tuple[str, int]]:
    """How often each key was used since then, most used first; promises do not count."""
    table = tables.uses.c
    number = func.count()
    rows = connection.execute(
        select(table.key, number)
        .where(
            table.authority == authority,
            table.use == use,
            table.at > since,
            table.at <= now,
            table.order_id.is_not(None),
        )
        .group_by(table.key)
        .order_by(number.desc(), table.key)
        .limit(20)
    )
    return [(row[0], row[1]) for row in rows]


def list_promises(connection: Connection, *, limit: int) -> list[Promise]:
    """Who waits for a turn, the next one first: one for each domain."""
    table = tables.uses.c
    first = select(func.min(table.number)).where(table.order_id.is_(None)).group_by(table.domain_id)
    rows = connection.execute(
        select(tables.uses).where(table.number.in_(first)).order_by(table.at).limit(limit)
    )
    return [_promise(row) for row in rows]


def count_promises(connection: Connection) -> int:
    """How many domains wait for a turn."""
    waiting = select(func.count(distinct(tables.uses.c.domain_id)))
    return connection.execute(waiting.where(tables.uses.c.order_id.is_(None))).scalar_one()


def drop_promise(connection: Connection, domain_id: str) -> None:
    """Forget what was promised to this domain: it is fulfilled, or not wanted any more."""
    connection.execute(
        delete(tables.uses).where(
            tables.uses.c.domain_id == domain_id, tables.uses.c.order_id.is_(None)
        )
    )


def forget_uses(connection: Connection, order_id: str, uses: Iterable[Use]) -> None:
    """Give back what an order was counted for and did not come to."""
    connection.execute(
        delete(tables.uses).where(
            tables.uses.c.order_id == order_id, tables.uses.c.use.in_(list(uses))
        )
    )


def prune_uses(connection: Connection, authority: str, use: Use, *, before: datetime) -> None:
    """Forget what no window reaches any more."""
    connection.execute(
        delete(tables.uses).where(
            tables.uses.c.authority == authority,
            tables.uses.c.use == use,
            tables.uses.c.at < before,
        )
    )


def load_breakers(connection: Connection) -> dict[str, Breaker]:
    """The breakers that have something to say, by authority."""
    return {
        row.authority: Breaker(
            failures=msgspec.convert(row.failures, tuple[Failure, ...]), open_until=row.open_until
        )
        for row in connection.execute(_BREAKERS)
    }


def save_breaker(connection: Connection, authority: str, breaker: Breaker) -> None:
    """Store a breaker; one that is closed and has seen no failure is the default."""
    connection.execute(delete(tables.breakers).where(tables.breakers.c.authority == authority))
    if breaker.failures or breaker.open_until is not None:
        connection.execute(
            insert(tables.breakers).values(
                authority=authority,
                failures=msgspec.to_builtins(breaker.failures),
                open_until=breaker.open_until,
            )
        )


def _promise(row: Row[Any]) -> Promise:
    return Promise(
        domain_id=row.domain_id,
        authority=row.authority,
        at=row.at,
        counter=Counter(use=Use(row.use), key=row.key),
    )
