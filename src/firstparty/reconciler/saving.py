"""Stores what a step came to: status, claim, order, certificate, feed and history, all or nothing.

A reconciler that slept past its lease changes nothing here: its fence is old.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row

from firstparty.model.certificates import OrderState
from firstparty.model.claims import ClaimState
from firstparty.model.domains import Mode
from firstparty.model.feed import Topic
from firstparty.model.findings import Finding, needing_action
from firstparty.model.key_rolls import KeyRoll
from firstparty.model.moves import OPEN, TRANSITIONS, MoveState
from firstparty.model.observations import Observation
from firstparty.model.status import DnsStatus, EdgeStatus, Intent, Word, derive_word
from firstparty.reconciler.case import Case, load_case
from firstparty.reconciler.choice import Authorities
from firstparty.reconciler.conflicts import find_conflict, release_earlier_claims
from firstparty.reconciler.fallback import note_answer
from firstparty.reconciler.key_roll import go_on_rolling
from firstparty.reconciler.outcome import Outcome
from firstparty.reconciler.pauses import CONFLICT
from firstparty.reconciler.publication import (
    Publication,
    Service,
    build_publication,
    challenge_keys,
)
from firstparty.reconciler.revocation import revocation_due_at
from firstparty.reconciler.signing import Signing, sign_again_at
from firstparty.reconciler.turns import settle, take_turn
from firstparty.store import certificates, domains, work
from firstparty.store.feed import lock_feed, publish
from firstparty.store.moves import save_move
from firstparty.store.source_feed import note_source
from firstparty.store.uses import drop_promise

_OVER: Final = frozenset({OrderState.ISSUED, OrderState.FAILED})
_SERVED: Final = frozenset({Word.LIVE, Word.WARNING, Word.FAILING, Word.MOVING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A domain's word now; ``onward`` is its case if the next step may be taken at once."""

    word: Word
    onward: Case | None = None


def save_outcome(  # noqa: PLR0913 - what is stored, and what it is judged by
    connection: Connection,
    lease: work.Lease,
    outcome: Outcome,
    *,
    now: datetime,
    service: Service,
    authorities: Authorities,
    signing: Signing,
    may_go_on: bool = False,
) -> Saved | None:
    """Store an outcome and give the lease back; None if the lease was lost.

    ``may_go_on``: where the next step is due now, the lease is kept for it.
    """
    if not work.is_held(connection, lease):
        return None
    stored = load_case(connection, lease.domain_id)  # intent may have changed since the step began
    if outcome.claim is not None and outcome.claim.state is ClaimState.PROVED:
        lock_feed(connection)
        conflict = find_conflict(connection, stored.domain)
        if conflict is not None:
            outcome = _refuse(outcome, conflict)
    outcome = note_answer(connection, stored, outcome, authorities, now=now)
    if outcome.new_order is not None:
        outcome = take_turn(connection, stored, outcome, authorities, now)
    outcome = _without_stale_move(stored, outcome)
    after = _apply(stored, outcome)
    publication = build_publication(after, service, serial=int(now.timestamp()))
    publication, roll = _sign(connection, stored, outcome, publication, signing, now=now)
    observation = after.observation
    if after.domain.mode is not Mode.PROXY:  # whose edge is its owner's
        observation = _with_edge(observation, publication)
    due_at = _when_due(after, outcome, publication, now=now)
    observation = replace(
        observation,
        findings=tuple(replace(one, look_again_at=due_at) for one in observation.findings),
    )
    goes_on = may_go_on and due_at is not None and due_at <= now and _is_complete(stored, outcome)
    if not work.save_observation(
        connection, lease, observation, due_at=due_at, keeps_lease=goes_on
    ):
        return None
    _write(connection, outcome, now=now)
    if after.claim.state is ClaimState.RELEASED:
        drop_promise(connection, after.domain.id)
    _publish(connection, stored, publication)
    _tell_sources(connection, stored, after)
    word = _keep_history(connection, stored, after, observation, now=now)
    onward = replace(after, observation=observation, zone=publication.zone, roll=roll)
    return Saved(word=word, onward=onward if goes_on else None)


def _sign(
    connection: Connection,
    stored: Case,
    outcome: Outcome,
    publication: Publication,
    signing: Signing,
    *,
    now: datetime,
) -> tuple[Publication, KeyRoll | None]:
    """The publication with its zone signed, and how far the replacement of its key is now."""
    if publication.zone is None:
        return publication, None
    roll = go_on_rolling(connection, stored, outcome.parent_ds, signing, now=now)
    zone = signing.sign(connection, stored.domain.id, publication.zone, roll=roll, now=now)
    return replace(publication, zone=zone), roll


def _is_complete(stored: Case, outcome: Outcome) -> bool:
    """Whether the case after this outcome is known without reading it again."""
    is_plain = outcome.revoke is None and outcome.revocation is None and outcome.move is None
    return is_plain and not stored.breakers


def _tell_sources(connection: Connection, before: Case, after: Case) -> None:
    """A proxy that has passed for the first time, or is over: its sources' hosts are switched."""
    if after.domain.mode is not Mode.PROXY:
        return
    is_new = after.observation.statuses.has_been_live > before.observation.statuses.has_been_live
    is_over = after.claim.state is ClaimState.RELEASED is not before.claim.state
    if is_new or is_over:
        for source_id in after.domain.source_ids:
            note_source(connection, source_id)


def _when_due(
    after: Case, outcome: Outcome, publication: Publication, *, now: datetime
) -> datetime | None:
    """When we look again: as the step says, and earlier for a revocation, or signatures that end.

    A paused domain is not looked at, and its zone is signed again all the same.
    """
    due = [revocation_due_at(after)]
    if publication.zone is not None:
        due.append(sign_again_at(publication.zone))
    if outcome.again is not None:
        due.append(now + outcome.again)
    newest = after.certificate
    if outcome.revoke is not None and newest is not None and newest.revocation_reason is None:
        due.append(now)
    return min((one for one in due if one is not None), default=None)


def _without_stale_move(stored: Case, outcome: Outcome) -> Outcome:
    """The owner may have ended the move since the step began: then it stays ended."""
    if outcome.move is None:
        return outcome
    is_next = stored.move is not None and outcome.move.state in TRANSITIONS[stored.move.state]
    return outcome if is_next else replace(outcome, move=None)


def _refuse(outcome: Outcome, conflict: Finding) -> Outcome:
    statuses = replace(outcome.observation.statuses, dns=DnsStatus.WAITING)
    observation = replace(
        outcome.observation,
        statuses=statuses,
        findings=(conflict,),
        tries=outcome.observation.tries + 1,
    )
    return Outcome(observation=observation, again=CONFLICT)


def _apply(stored: Case, outcome: Outcome) -> Case:
    """The case as it will be once the outcome is stored."""
    order = outcome.new_order or outcome.order or stored.order
    move = outcome.move or stored.move
    domain = stored.domain
    if move is not None and move.state is MoveState.ENDED:
        domain = replace(domain, intent=Intent.REMOVED)
    claim = outcome.claim or stored.claim
    return replace(
        stored,
        domain=domain,
        crowd=stored.crowd if claim.state is ClaimState.PENDING else 1,
        move=None if move is None or move.state not in OPEN else move,
        claim=claim,
        order=None if order is None or order.state in _OVER else order,
        certificate=outcome.certificate or stored.certificate,
        revocation=outcome.revocation or stored.revocation,
        observation=outcome.observation,
    )


def _with_edge(observation: Observation, publication: Publication) -> Observation:
    told = publication.edge is not None and publication.edge.certificate is not None
    edge = EdgeStatus.PUBLISHED if told else EdgeStatus.ABSENT
    return replace(observation, statuses=replace(observation.statuses, edge=edge))


def _write(connection: Connection, outcome: Outcome, *, now: datetime) -> None:
    if outcome.claim is not None:
        domains.save_claim(connection, outcome.claim, now=now)
        if outcome.claim.state is ClaimState.PROVED:
            release_earlier_claims(connection, outcome.claim, now=now)
    if outcome.move is not None:
        save_move(connection, outcome.move)
        if outcome.move.state is MoveState.ENDED:  # as its owner asked when the move began
            domains.save_intent(connection, outcome.move.old_id, Intent.REMOVED)
    _write_certificates(connection, outcome, now=now)


def _write_certificates(connection: Connection, outcome: Outcome, *, now: datetime) -> None:
    if outcome.new_order is not None:
        certificates.add_order(connection, outcome.new_order)
    if outcome.order is not None:
        certificates.save_order(connection, outcome.order)
        settle(connection, outcome, now=now)
    if outcome.certificate is not None:
        certificates.add_certificate(connection, outcome.certificate)
    if outcome.revoke is not None:
        domain_id = outcome.observation.domain_id
        certificates.want_revocation(connection, domain_id, outcome.revoke, now=now)
    if outcome.advised is not None:
        certificates.save_advice(connection, outcome.advised)
    if outcome.revocation is not None:
        certificates.save_revocation(connection, outcome.revocation)


def _publish(connection: Connection, before: Case, publication: Publication) -> None:
    entries = (
        (Topic.ZONES, publication.zone),
        (Topic.TARGETS, publication.targets),
        (Topic.EDGE, publication.edge),
    )
    for topic, entry in entries:
        body = None if entry is None else msgspec.json.encode(entry)
        publish(connection, topic, before.domain.id, body)
    for key in challenge_keys(before) - publication.challenges.keys():
        publish(connection, Topic.CHALLENGES, key, None)
    for key, challenge in publication.challenges.items():
        publish(connection, Topic.CHALLENGES, key, msgspec.json.encode(challenge))


def _keep_history(
    connection: Connection, stored: Case, after: Case, observation: Observation, *, now: datetime
) -> Word:
    word = derive_word(after.domain.intent, observation.statuses)
    newest = next(iter(work.list_history(connection, after.domain.id, limit=1)), None)
    is_new_word = newest is None or newest.word != word
    acts = needing_action(observation.findings)
    if is_new_word or _has_other_work(stored, word, acts, newest):
        codes = [finding.code for finding in observation.findings]
        work.add_history(connection, after.domain.id, word, at=now, codes=codes, acts=acts)
    if is_new_word and after.move is not None and after.move.new_id == after.domain.id:
        work.wake(connection, after.move.old_id, now=now)
    return word


def _has_other_work(
    stored: Case, word: Word, acts: tuple[str, ...], newest: Row[Any] | None
) -> bool:
    """Whether a domain that keeps its word has other findings to act on, in two looks running."""
    if newest is None or word not in _SERVED:
        return False
    before = newest.detail.get("acts", newest.detail.get("findings", ()))
    return acts == needing_action(stored.observation.findings) and set(acts) != set(before)
