"""Whose turn it is: which authority a new order goes to, and when the limits of one allow it.

Decided in the transaction that stores the order, so that reconcilers which work side by side
cannot use the same turn twice. A domain that must wait is promised its turn there and then: the
queue is exact, first come first served, and nobody asks again and again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from cryptography import x509
from sqlalchemy import Connection

from firstparty.certs.limits import next_turn, used_by_failure, used_by_order
from firstparty.certs.progress import Rejected
from firstparty.certs.renewal import certificate_id
from firstparty.model.authorities import Counter, Promise, Use
from firstparty.model.certificates import Order, OrderState
from firstparty.model.status import CertificateStatus
from firstparty.reconciler import issuance_findings as say
from firstparty.reconciler.case import Case
from firstparty.reconciler.choice import Authorities, Choice
from firstparty.reconciler.outcome import Outcome, observe
from firstparty.reconciler.pauses import WATCH
from firstparty.store import uses
from firstparty.store.feed import lock_feed

# What a CA says when it looked for the challenges and did not find them right (RFC 8555 §6.7).
_VALIDATION: Final = frozenset({"caa", "connection", "dns", "dnssec", "incorrectResponse", "tls"})
_UNAUTHORIZED: Final = "unauthorized"
_MAYBE_ISSUED: Final = "orderUnknown"  # the order is gone: it may have come to a certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """When an order may go to an authority, and what it is counted for."""

    authority: str
    at: datetime
    counters: tuple[Counter, ...]
    replaces: str
    waits_for: Counter | None


def take_turn(
    connection: Connection, stored: Case, outcome: Outcome, authorities: Authorities, now: datetime
) -> Outcome:
    """The outcome with its new order at the authority whose turn it is, or with the wait."""
    order = outcome.new_order
    assert order is not None
    lock_feed(connection)  # one order at a time is counted
    staged = _stage(stored, order, authorities)
    if staged is not None:
        return replace(outcome, new_order=staged)
    promise = uses.load_promise(connection, stored.domain.id)
    turns = []
    for choice in _worth_asking(authorities, stored, now):
        turn = _find_turn(connection, stored, order, choice, promise, now)
        if turn.at <= now:
            order = replace(order, replaces=turn.replaces)
            uses.drop_promise(connection, stored.domain.id)
            _prune(connection, choice, now)
            _count(connection, stored, turn, order_id=order.id, at=now)
            return replace(outcome, new_order=replace(order, authority=turn.authority))
        turns.append(turn)
    first = min(turns, key=lambda turn: turn.at)
    if promise is None or first.at < promise.at:
        uses.drop_promise(connection, stored.domain.id)
        _count(connection, stored, first, order_id=None, at=first.at)
    return _wait(stored, outcome, first, now)


def settle(connection: Connection, outcome: Outcome, *, now: datetime) -> None:
    """Count what an order that is over came to."""
    order, rejected = outcome.order, outcome.rejected
    if order is None or order.state is not OrderState.FAILED or rejected is None:
        return
    if rejected.problem != _MAYBE_ISSUED:
        uses.forget_uses(connection, order.id, (Use.CERTIFICATES, Use.DUPLICATES))
    if is_failed_validation(rejected):
        uses.add_uses(
            connection,
            order.authority,
            used_by_failure(order.names),
            at=now,
            domain_id=order.domain_id,
            order_id=order.id,
        )


def is_failed_validation(rejected: Rejected) -> bool:
    """Whether the CA counts this as a failed validation of a host."""
    return rejected.problem in _VALIDATION or rejected.problem == _UNAUTHORIZED


def _worth_asking(authorities: Authorities, stored: Case, now: datetime) -> tuple[Choice, ...]:
    """Those that answer; if none does, all of them: there is nothing to lose."""
    up = tuple(
        choice for choice in authorities.in_order if not stored.is_closed(choice.name, now=now)
    )
    return up or authorities.in_order


def _stage(stored: Case, order: Order, authorities: Authorities) -> Order | None:
    """The order at the first choice's staging, after a refusal: if it has one."""
    staging = authorities.in_order[0].staging
    if staging is None or not stored.observation.ca_refusals or stored.observation.is_rehearsed:
        return None
    return replace(order, authority=staging.name)


def _find_turn(
    connection: Connection,
    stored: Case,
    order: Order,
    choice: Choice,
    promise: Promise | None,
    now: datetime,
) -> _Turn:
    there = stored.certificate
    is_renewal = (
        there is not None
        and set(there.names) == set(order.names)
        and there.authority == choice.name
    )
    replaces = _find_replaced(stored) if is_renewal else ""
    counters = tuple(
        counter
        for counter in used_by_order(order.names, is_renewal=is_renewal, replaces=bool(replaces))
        if counter.use in choice.limits
    )
    if promise is not None and promise.authority == choice.name:
        return _Turn(
            authority=choice.name,
            at=promise.at,
            counters=counters,
            replaces=replaces,
            waits_for=promise.counter,
        )
    counted = _load_counted(connection, choice, (*counters, *used_by_failure(order.names)), now)
    at, waits_for = next_turn(counted, choice.limits, now)
    return _Turn(
        authority=choice.name, at=at, counters=counters, replaces=replaces, waits_for=waits_for
    )


def _find_replaced(stored: Case) -> str:
    """The id of the certificate that its CA has advised to replace; empty after a refusal."""
    there = stored.certificate
    if there is None or not there.has_advice or stored.observation.ca_refusals:
        return ""
    return certificate_id(x509.load_pem_x509_certificate(there.chain.encode())) or ""


def _load_counted(
    connection: Connection, choice: Choice, counters: tuple[Counter, ...], now: datetime
) -> Mapping[Counter, list[datetime]]:
    return {
        counter: uses.load_times(
            connection, choice.name, counter, since=now - choice.limits[counter.use].window
        )
        for counter in counters
        if counter.use in choice.limits
    }


def _prune(connection: Connection, choice: Choice, now: datetime) -> None:
    """Forget what no window reaches any more."""
    for use, rate in choice.limits.items():
        uses.prune_uses(connection, choice.name, use, before=now - rate.window)


def _count(
    connection: Connection, stored: Case, turn: _Turn, *, order_id: str | None, at: datetime
) -> None:
    """Count an order; or a promise, whose first row says what is waited for."""
    counters = turn.counters
    if order_id is None and turn.waits_for is not None:
        others = (one for one in counters if one != turn.waits_for)
        counters = (turn.waits_for, *others)
    uses.add_uses(
        connection,
        turn.authority,
        counters,
        at=at,
        domain_id=stored.domain.id,
        order_id=order_id,
    )


def _wait(stored: Case, outcome: Outcome, turn: _Turn, now: datetime) -> Outcome:
    assert turn.waits_for is not None
    before = stored.observation
    certificate = before.statuses.certificate
    observation = observe(
        before,
        at=now,
        findings=(say.queued(turn.authority, turn.waits_for, turn.at),),
        facts={"ca_not_before": turn.at},
        certificate=CertificateStatus.ISSUING
        if certificate is CertificateStatus.NONE
        else certificate,
    )
    wait = turn.at - now
    again = min(wait, WATCH) if before.statuses.has_been_live else wait
    return replace(outcome, observation=observation, again=again, new_order=None)
