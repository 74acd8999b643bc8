"""An order from its key to the stored certificate, one move a step, each step repeatable.

The private key is made, sealed for the edge and stored before the CA is asked for anything, so a
certificate that was issued is never without its key. The CA is told to validate only once every
server of ours, or every edge, answers the challenges, and its chain is checked before it is stored.
"""

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
    Certificate,
    ChallengeMethod,
    Order,
    OrderState,
    move_order,
    renew_at,
    sealing_context,
)
from firstparty.model.domains import Mode
from firstparty.model.findings import Finding
from firstparty.model.identifiers import new_identifier
from firstparty.model.observations import Step
from firstparty.model.status import CertificateStatus
from firstparty.reconciler import issuance_findings as say
from firstparty.reconciler.case import Case
from firstparty.reconciler.outcome import AT_ONCE, Outcome, observe
from firstparty.reconciler.pauses import (
    CA_OUTAGE,
    CA_REFUSED,
    ORDER_MAX_AGE,
    WATCH,
    at_most_last,
    pause_for_own,
    pause_for_validation,
)
from firstparty.reconciler.ports import CertificateAuthority, ChallengeProbe
from firstparty.store.sealing import SealBroken, Sealer

_PATIENCE: Final = 40  # tries, about two seconds, before the operator is told
_METHODS: Final = {Mode.DELEGATION: ChallengeMethod.DNS, Mode.CNAME: ChallengeMethod.HTTP}


def needs_certificate(case: Case, *, authority: str, now: datetime) -> bool:
    """Whether there is no certificate, or one that is due, or for other names or by another CA."""
    there = case.certificate
    return (
        there is None
        or set(there.names) != set(case.domain.hosts)
        or there.authority != authority
        or there.revocation_reason is not None
        or now >= renew_at(there.not_before, there.not_after)
    )


class Issuance:
    """The next move in getting one domain's certificate."""

    def __init__(
        self, authority: CertificateAuthority, challenges: ChallengeProbe, sealer: Sealer
    ) -> None:
        """``sealer`` is the edge's: the edge opens certificate keys by itself."""
        self._authority = authority
        self._challenges = challenges
        self._sealer = sealer

    async def step(self, case: Case, *, now: datetime) -> Outcome:
        """Take the move that is ours, or see how far the CA is."""
        order = case.order
        if order is None:
            return self._start(case, now)
        key = self._open_key(order)
        if key is None:
            return fail(case, order, say.key_unreadable(), now=now)
        if order.authority != self._authority.name or set(order.names) != set(case.domain.hosts):
            return drop(case, order, now=now)
        if _is_stuck(case, order, now):
            return fail(case, order, say.order_stuck(order), now=now)
        csr, method = build_csr(key, order.names), _METHODS[case.domain.mode]
        if order.state is OrderState.NEW:
            progress = await self._authority.begin(order.names, csr, method=method)
        elif order.state is OrderState.VALIDATING:
            progress = await self._authority.advance(order.url, csr)
        elif await self._challenges.are_served(order.challenges):
            progress = await self._authority.answer(order.url, method=method)
        else:
            return _wait_for_challenges(case, method, now)
        return _apply(case, order, key, progress, now=now)

    def _start(self, case: Case, now: datetime) -> Outcome:
        """A new order with a new key, stored before the CA hears of it."""
        identifier = new_identifier("crt")
        order = Order(
            id=identifier,
            domain_id=case.domain.id,
            authority=self._authority.name,
            names=case.domain.hosts,
            sealed_key=self._sealer.seal(new_private_key(), context=sealing_context(identifier)),
            changed_at=now,
        )
        observation = observe(
            case.observation,
            at=now,
            findings=(say.ordered(self._authority.name),),
            certificate=_while_ordering(case, now),
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


def _apply(
    case: Case, order: Order, key: bytes, progress: OrderProgress, *, now: datetime
) -> Outcome:
    """What the CA's answer comes to."""
    match progress:
        case Challenged():
            order = replace(order, url=progress.url, challenges=progress.challenges)
            return _move(case, order, OrderState.CHALLENGED, AT_ONCE, now=now)
        case Pending() if order.state is OrderState.CHALLENGED:
            again = progress.again or pause_for_validation(0)
            return _move(case, order, OrderState.VALIDATING, again, now=now)
        case Pending():
            return _wait_for_ca(case, progress, now)
        case Issued():
            return _finish(case, order, key, progress, now=now)
        case Rejected():
            return fail(case, order, say.refused(order.authority, progress), now=now)
        case TryLater():
            return _come_back(case, order, progress, now)


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
        facts={"ca_refusals": 0, "ca_outages": 0, "ca_not_before": None},
        certificate=CertificateStatus.VALID,
    )
    over = move_order(replace(order, url=issued.url), OrderState.ISSUED, at=now)
    return Outcome(observation=observation, again=AT_ONCE, order=over, certificate=certificate)


def fail(case: Case, order: Order, finding: Finding, *, now: datetime) -> Outcome:
    """The order is over without a certificate; a new one may be made after a pause."""
    refusals = case.observation.ca_refusals + 1
    again = at_most_last(CA_REFUSED, refusals)
    observation = observe(
        case.observation,
        at=now,
        findings=(finding,),
        facts={"ca_refusals": refusals, "ca_outages": 0, "ca_not_before": now + again},
        certificate=_while_failing(case, now),
    )
    over = move_order(order, OrderState.FAILED, at=now)
    return Outcome(observation=observation, again=_meanwhile(case, again), order=over)


def wait_until_allowed(case: Case, *, now: datetime) -> Outcome:
    """The CA is not to be asked yet, whoever wants us to look now."""
    before = case.observation
    not_before = before.ca_not_before or now
    observation = observe(before, at=now, findings=before.findings)
    return Outcome(observation=observation, again=max(not_before - now, AT_ONCE))


def drop(case: Case, order: Order, *, now: datetime) -> Outcome:
    """The order is for something that is not wanted any more: no failure, and no pause."""
    over = move_order(order, OrderState.FAILED, at=now)
    return Outcome(observation=observe(case.observation, at=now), again=AT_ONCE, order=over)


def _come_back(case: Case, order: Order, later: TryLater, now: datetime) -> Outcome:
    outages = case.observation.ca_outages + 1
    again = at_most_last(CA_OUTAGE, outages) if later.again is None else later.again
    observation = observe(
        case.observation,
        at=now,
        findings=(say.unavailable(order.authority, later.reason),),
        facts={"ca_outages": outages, "ca_not_before": now + again},
    )
    return Outcome(observation=observation, again=_meanwhile(case, again))


def _meanwhile(case: Case, again: timedelta) -> timedelta:
    """A domain that has been live is watched while the CA is left alone."""
    return min(again, WATCH) if case.observation.statuses.has_been_live else again


def _while_ordering(case: Case, now: datetime) -> CertificateStatus:
    return CertificateStatus.VALID if _is_served(case, now) else CertificateStatus.ISSUING


def _while_failing(case: Case, now: datetime) -> CertificateStatus:
    return CertificateStatus.VALID if _is_served(case, now) else CertificateStatus.FAILING


def _is_served(case: Case, now: datetime) -> bool:
    """Whether visitors get a good certificate meanwhile, with a tenth of its life to spare."""
    there = case.certificate
    if there is None or set(there.names) != set(case.domain.hosts):
        return False
    return now < there.not_after - (there.not_after - there.not_before) / 10
