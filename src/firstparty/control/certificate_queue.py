"""What an operator sees of the certificate authorities: limits, what is used, who waits."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from firstparty.certs.limits import Limits, kept
from firstparty.config.rates import Rate
from firstparty.control.callers import Caller, require_operator
from firstparty.control.rules import Rules
from firstparty.model.authorities import Promise, Use
from firstparty.store import uses
from firstparty.store.domains import load_domain
from firstparty.store.engine import Store

MAX_WAITING = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One limit: what it is, how much of it we use at most, what is used of which key."""

    use: Use
    rate: Rate
    kept: int
    used: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityUsage:
    """One authority; ``left_alone_until``: it failed too often."""

    name: str
    left_alone_until: datetime | None
    failures: int
    limits: tuple[Usage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """All of it; ``waiting`` has the next 200 of ``waiting_count``, each with its domain's name."""

    authorities: tuple[AuthorityUsage, ...]
    waiting: tuple[tuple[Promise, str], ...]
    waiting_count: int


def show_queue(store: Store, caller: Caller, *, rules: Rules, now: datetime) -> Queue:
    """The queue for certificates of the whole installation. Raises Forbidden."""
    require_operator(caller)
    with store.read() as connection:
        breakers = uses.load_breakers(connection)
        authorities = []
        for name, limits in rules.authorities.items():
            breaker = breakers.get(name)
            is_open = breaker is not None and breaker.is_open(now)
            authorities.append(
                AuthorityUsage(
                    name=name,
                    left_alone_until=breaker.open_until if breaker and is_open else None,
                    failures=len(breaker.failures) if breaker else 0,
                    limits=_usages(connection, name, limits, now),
                )
            )
        waiting = []
        for promise in uses.list_promises(connection, limit=MAX_WAITING):
            domain = load_domain(connection, promise.domain_id)
            waiting.append((promise, domain.name if domain else ""))
        return Queue(
            authorities=tuple(authorities),
            waiting=tuple(waiting),
            waiting_count=uses.count_promises(connection),
        )


def _usages(connection: Connection, name: str, limits: Limits, now: datetime) -> tuple[Usage, ...]:
    return tuple(
        Usage(
            use=use,
            rate=rate,
            kept=kept(rate),
            used=tuple(uses.count_uses(connection, name, use, since=now - rate.window, now=now)),
        )
        for use, rate in limits.items()
    )
