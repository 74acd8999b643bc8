"""Keeps each authority's circuit breaker, and lets orders go to the next one while it is open."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from firstparty.certs.breaker import after_failure
from firstparty.model.authorities import Breaker, Failure
from firstparty.reconciler.case import Case
from firstparty.reconciler.choice import Authorities
from firstparty.reconciler.outcome import AT_ONCE, Outcome
from firstparty.store.uses import save_breaker


def note_answer(
    connection: Connection,
    stored: Case,
    outcome: Outcome,
    authorities: Authorities,
    *,
    now: datetime,
) -> Outcome:
    """Keep whether the authority answered. The outcome is due at once if another is to be asked."""
    answered = outcome.ca
    if answered is None:
        return outcome
    before = stored.breakers.get(answered.authority)
    if answered.is_up:
        if before is not None:
            save_breaker(connection, answered.authority, Breaker())
        return outcome
    failure = Failure(at=now, domain_id=stored.domain.id)
    after = after_failure(before or Breaker(), failure)
    save_breaker(connection, answered.authority, after)
    if not after.is_open(now) or not has_another(stored, authorities, answered.authority, now=now):
        return outcome
    observation = replace(outcome.observation, ca_not_before=None, ca_outages=0)
    return replace(outcome, observation=observation, again=AT_ONCE)


def has_another(stored: Case, authorities: Authorities, name: str, *, now: datetime) -> bool:
    """Whether an authority other than this one answers, as far as is known."""
    return any(
        choice.name != name and not stored.is_closed(choice.name, now=now)
        for choice in authorities.in_order
    )
