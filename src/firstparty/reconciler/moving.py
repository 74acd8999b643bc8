"""What a move needs next: the new domain live, then the old one quiet for long enough. Pure.

Nothing is taken from the old domain until then: it is watched and renewed like any other.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from firstparty.model.findings import Actor, Finding, Severity
from firstparty.model.moves import MoveState, advance_move
from firstparty.model.status import Intent
from firstparty.reconciler.case import Case
from firstparty.reconciler.drain import measure
from firstparty.reconciler.outcome import AT_ONCE, Outcome
from firstparty.reconciler.traffic import TrafficAnswer

_CODES: Final = frozenset({"move-prepared", "move-drains"})
_NOTHING_ASKED = TrafficAnswer(hosts=None, undelivered=None)


def is_old_of_move(case: Case) -> bool:
    """Whether another domain takes this one's place."""
    return (
        case.domain.intent is Intent.MOVING
        and case.move is not None
        and case.move.old_id == case.domain.id
    )


def go_on_moving(
    case: Case,
    outcome: Outcome,
    answer: TrafficAnswer = _NOTHING_ASKED,
    *,
    quiet: timedelta,
    now: datetime,
) -> Outcome:
    """The outcome of a step of the old domain, and the next step of the move with it."""
    move = case.move
    assert move is not None
    findings = tuple(one for one in outcome.observation.findings if one.code not in _CODES)
    if move.state is MoveState.PREPARING:
        if case.is_replacement_live:
            draining = advance_move(move, MoveState.DRAINING, at=now)
            observation = replace(outcome.observation, findings=findings, drain=None)
            return replace(outcome, observation=observation, again=AT_ONCE, move=draining)
        observation = replace(outcome.observation, findings=(*findings, _prepared(case)))
        return replace(outcome, observation=observation)
    drain = measure(case.observation.drain, answer, now=now)
    quiet_at = max(drain.since, drain.last_request_at or drain.since) + quiet
    if answer.hosts is not None and now >= quiet_at:
        ended = advance_move(move, MoveState.ENDED, at=now)
        observation = replace(outcome.observation, findings=findings, drain=None)
        return replace(outcome, observation=observation, again=AT_ONCE, move=ended)
    finding = _drains(case, drain.cdn_requests, drain.api_requests, quiet_at)
    observation = replace(outcome.observation, findings=(*findings, finding), drain=drain)
    return replace(outcome, observation=observation)


def _prepared(case: Case) -> Finding:
    return Finding(
        code="move-prepared",
        sentence=f"Another domain takes the place of {case.domain.name}: until that one is live, "
        "nothing changes here.",
        acts=Actor.NOBODY,
    )


def _drains(case: Case, cdn: int, api: int, quiet_at: datetime) -> Finding:
    asked = f"{cdn} requests to {case.domain.cdn_host} and {api} to {case.domain.api_host}"
    return Finding(
        code="move-drains",
        sentence=f"The sources belong to another domain now. Since then there were {asked}: change "
        "the pages and SDKs that still use them. If nothing more arrives, this domain is removed "
        f"at {quiet_at:%Y-%m-%d %H:%M} UTC.",
        acts=Actor.OWNER if cdn or api else Actor.NOBODY,
        severity=Severity.PENDING,
    )
