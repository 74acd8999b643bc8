"""An order from its key to the stored certificate, one move a step, each step repeatable.

The private key is made, sealed for the edge and stored before the CA is asked for anything, so a
certificate that was issued is never without its key. The CA is told to validate only once every
server of ours, or every edge, answers the challenges, and its chain is checked before it is stored.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from firstparty.certs.keys import build_csr, new_private_key
from firstparty.certs.pair import BadPair, check_pair
from firstparty.certs.progress import (
    Challenged,
    Issued,
    OrderProgress,
    Pending,
    Rejected,
    TryLater,
)
from firstparty.model.certificates import (
    IMPORTED,
    Certificate,
    ChallengeMethod,
    Order,
    OrderState,
    move_order,
    sealing_context,
)
from firstparty.model.identifiers import new_identifier
from firstparty.model.observations import Step
from firstparty.model.status import CertificateStatus
from firstparty.reconciler import issuance_findings as say
from firstparty.reconciler.case import Case
from firstparty.reconciler.challenge_alias import choose_method, lead_to_us
from firstparty.reconciler.choice import Authorities
from firstparty.reconciler.fallback import has_another
from firstparty.reconciler.outcome import AT_ONCE, CaAnswered, Outcome, observe
from firstparty.reconciler.pauses import (
    ORDER_MAX_AGE,
    PUBLISHED,
    pause_for_own,
    pause_for_validation,
)
from firstparty.reconciler.ports import ChallengeProbe
from firstparty.reconciler.setbacks import come_back, drop, fail, while_ordering
from firstparty.store.sealing import SealBroken, Sealer

_PATIENCE: Final = 40  # tries, about eight seconds, before the operator is told


def needs_certificate(case: Case, *, authorities: frozenset[str], now: datetime) -> bool:
    """Whether there is none that can be kept: it is due, or its names or CA are others."""
    there = case.certificate
    return (
        there is None
        or set(there.names) != set(case.domain.hosts)
        or there.authority not in authorities | {IMPORTED}
        or there.revocation_reason is not None
        or now >= there.due_at
    )


class Issuance:
    """The next move in getting one domain's certificate."""

    def __init__(
        self,
        authorities: Authorities,
        challenges: ChallengeProbe,
        sealer: Sealer,
        service_domain: str,
    ) -> None:
        """``sealer`` is the edge's: the edge opens certificate keys by itself."""
        self._service_domain = service_domain
        self._authorities = authorities
        self._challenges = challenges
        self._sealer = sealer

    async def step(self, case: Case, *, clock: Callable[[], datetime]) -> Outcome:
        """Take the move that is ours, or see how far the CA is."""
        order, now = case.order, clock()
        if order is None:
            return self._start(case, now)
        key = self._open_key(order)
        if key is None:
            return fail(case, order, say.key_unreadable(), now=now)
        if not self._is_wanted(case, order, now):
            return drop(case, order, now=now)
        if _is_stuck(case, order, now):
            return fail(case, order, say.order_stuck(order), now=now)
        csr, method = build_csr(key, order.names), choose_method(case)
        authority = self._authorities.by_name[order.authority]
        if order.state is OrderState.NEW:
            progress = await authority.begin(
                order.names, csr, method=method, replaces=order.replaces
            )
        elif order.state is OrderState.VALIDATING:
            progress = await authority.advance(order.url, csr)
        elif await self._challenges.are_served(order.challenges):
            progress = await authority.answer(order.url, method=method)
        else:
            return _wait_for_challenges(case, method, now)
        if isinstance(progress, Challenged):
            progress = lead_to_us(progress, case.domain, self._service_domain)
        is_rehearsal = order.authority in self._authorities.stagings
        now = clock()  # the CA may have taken its time: what it issued is younger than our question
        outcome = _apply(case, order, key, progress, is_rehearsal=is_rehearsal, now=now)
        is_up = not isinstance(progress, TryLater)
        return replace(outcome, ca=CaAnswered(authority=order.authority, is_up=is_up))

    def _is_wanted(self, case: Case, order: Order, now: datetime) -> bool:
        """Whether the order is for these hosts, and at an authority that is in use and answers."""
        is_left_alone = case.is_closed(order.authority, now=now) and has_another(
            case, self._authorities, order.authority, now=now
        )
        return (
            self._authorities.is_in_use(order.authority)
            and set(order.names) == set(case.domain.hosts)
            and not is_left_alone
        )

    def _start(self, case: Case, now: datetime) -> Outcome:
        """A new order with a new key, stored before the CA hears of it."""
        identifier = new_identifier("crt")
        key = new_private_key(self._authorities.key_type)
        authority = self._authorities.in_order[0].name  # until it is known whose turn it is
        order = Order(
            id=identifier,
            domain_id=case.domain.id,
            authority=authority,
            names=case.domain.hosts,
            sealed_key=self._sealer.seal(key, context=sealing_context(identifier)),
            changed_at=now,
        )
        observation = observe(
            case.observation,
            at=now,
            findings=(say.ordered(authority),),
            certificate=while_ordering(case, now),
        )
        return Outcome(observation=observation, again=AT_ONCE, new_order=order)

    def _open_key(self, order: Order) -> bytes | None:
        try:
            return self._sealer.open(order.sealed_key, context=sealing_context(order.id))
        except SealBroken:
            return None


def _is_stuck(case: Case, order: Order, now: datetime) -> bool:
    """Whether an order that the CA has does not move, although the CA can be reached."""
    is_old = now - order.changed_at > ORDER_MAX_AGE
    return is_old and order.state is not OrderState.NEW and not case.observation.ca_outages


def _apply(  # noqa: PLR0911 - one for each kind of answer
    case: Case,
    order: Order,
    key: bytes,
    progress: OrderProgress,
    *,
    is_rehearsal: bool,
    now: datetime,
) -> Outcome:
    """What the CA's answer comes to."""
    match progress:
        case Challenged():
            order = replace(order, url=progress.url, challenges=progress.challenges)
            again = PUBLISHED if order.challenges else AT_ONCE
            return _move(case, order, OrderState.CHALLENGED, again, now=now)
        case Pending() if order.state is OrderState.CHALLENGED:
            again = progress.again or pause_for_validation(0)
            return _move(case, order, OrderState.VALIDATING, again, now=now)
        case Pending():
            return _wait_for_ca(case, progress, now)
        case Issued() if is_rehearsal:
            return _rehearsed(case, order, progress, now=now)
        case Issued():
            return _finish(case, order, key, progress, now=now)
        case Rejected():
            failed = fail(case, order, say.refused(order.authority, progress), now=now)
            return replace(failed, rejected=progress)
        case TryLater():
            return come_back(case, order, progress, now)


def _move(
    case: Case, order: Order, state: OrderState, again: timedelta, *, now: datetime
) -> Outcome:
    observation = observe(
        case.observation, at=now, findings=(say.ordered(order.authority),), facts={"ca_outages": 0}
    )
    return Outcome(observation=observation, again=again, order=move_order(order, state, at=now))


def _wait_for_challenges(case: Case, method: ChallengeMethod, now: datetime) -> Outcome:
    tries = case.observation.tries + 1
    finding = say.challenges_unserved(method) if tries > _PATIENCE else say.challenges_published()
    # It is not the CA that keeps us: an order that is not served for an hour is given up.
    observation = observe(
        case.observation, at=now, findings=(finding,), tries=tries, facts={"ca_outages": 0}
    )
    return Outcome(observation=observation, again=pause_for_own(tries))


def _wait_for_ca(case: Case, progress: Pending, now: datetime) -> Outcome:
    tries = case.observation.tries + 1
    findings = case.observation.findings
    observation = observe(
        case.observation, at=now, findings=findings, tries=tries, facts={"ca_outages": 0}
    )
    return Outcome(observation=observation, again=progress.again or pause_for_validation(tries))


def _rehearsed(case: Case, order: Order, issued: Issued, *, now: datetime) -> Outcome:
    """The staging CA has nothing against it: now the real one. What it issued is thrown away."""
    observation = observe(
        case.observation,
        at=now,
        findings=case.observation.findings,
        facts={"is_rehearsed": True, "ca_outages": 0},
    )
    over = move_order(replace(order, url=issued.url), OrderState.ISSUED, at=now)
    return Outcome(observation=observation, again=AT_ONCE, order=over)


def _finish(case: Case, order: Order, key: bytes, issued: Issued, *, now: datetime) -> Outcome:
    """Store the certificate if it may be served; it has the order's id, so its key's seal fits."""
    checked = check_pair(issued.chain, key, names=order.names, now=now)
    if isinstance(checked, BadPair):
        return fail(case, order, say.unusable(order.authority, checked.reason), now=now)
    certificate = Certificate(
        id=order.id,
        domain_id=order.domain_id,
        authority=order.authority,
        names=order.names,
        chain=issued.chain,
        sealed_key=order.sealed_key,
        not_before=checked.not_before,
        not_after=checked.not_after,
        created_at=now,
    )
    observation = observe(
        case.observation,
        at=now,
        reached=(Step.ISSUED, Step.PUBLISHED),  # the feed is told in the same transaction
        facts={
            "ca_refusals": 0,
            "ca_outages": 0,
            "ca_not_before": None,
            "is_rehearsed": False,
        },
        certificate=CertificateStatus.VALID,
    )
    over = move_order(replace(order, url=issued.url), OrderState.ISSUED, at=now)
    return Outcome(observation=observation, again=PUBLISHED, order=over, certificate=certificate)
