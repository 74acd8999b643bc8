"""When an order does not go on: it is over, or waits, and visitors keep what they have. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from firstparty.certs.progress import TryLater
from firstparty.model.certificates import Order, OrderState, move_order
from firstparty.model.findings import Finding
from firstparty.model.status import CertificateStatus
from firstparty.reconciler import issuance_findings as say
from firstparty.reconciler.case import Case
from firstparty.reconciler.outcome import AT_ONCE, Outcome, observe
from firstparty.reconciler.pauses import CA_OUTAGE, CA_REFUSED, WATCH, at_most_last


def fail(case: Case, order: Order, finding: Finding, *, now: datetime) -> Outcome:
    """The order is over without a certificate; a new one may be made after a pause."""
    refusals = case.observation.ca_refusals + 1
    again = at_most_last(CA_REFUSED, refusals)
    observation = observe(
        case.observation,
        at=now,
        findings=(finding,),
        facts={
            "ca_refusals": refusals,
            "ca_outages": 0,
            "ca_not_before": now + again,
            "is_rehearsed": False,
        },
        certificate=_while_failing(case, now),
    )
    over = move_order(replace(order, reason=finding.sentence), OrderState.FAILED, at=now)
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


def come_back(case: Case, order: Order, later: TryLater, now: datetime) -> Outcome:
    """The CA could not be asked: the order stays as it is."""
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


def while_ordering(case: Case, now: datetime) -> CertificateStatus:
    """The status while an order is under way."""
    return CertificateStatus.VALID if _is_served(case, now) else CertificateStatus.ISSUING


def _while_failing(case: Case, now: datetime) -> CertificateStatus:
    return CertificateStatus.VALID if _is_served(case, now) else CertificateStatus.FAILING


def _is_served(case: Case, now: datetime) -> bool:
    """Whether visitors get a good certificate meanwhile, with a tenth of its life to spare."""
    there = case.certificate
    if there is None or set(there.names) != set(case.domain.hosts):
        return False
    return now < there.not_after - (there.not_after - there.not_before) / 10
