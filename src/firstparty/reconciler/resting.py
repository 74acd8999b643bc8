"""Domains that nothing is done for: paused, or no longer theirs."""

from datetime import datetime, timedelta
from typing import Final

from firstparty.model.certificates import OrderState, RevocationReason, move_order
from firstparty.model.claims import ClaimState, move_claim
from firstparty.model.drains import Drain
from firstparty.model.findings import Actor, Finding, Severity
from firstparty.model.status import CertificateStatus, DnsStatus, EdgeStatus, ProbeStatus
from firstparty.reconciler.case import Case
from firstparty.reconciler.outcome import Outcome, observe

PAUSED: Final = "paused"


def pause(case: Case, *, now: datetime) -> Outcome:
    """Keep everything, do nothing, until the owner resumes."""
    finding = Finding(
        code=PAUSED,
        sentence="The domain is paused: what is published stays, nothing is checked or renewed.",
        acts=Actor.OWNER,
    )
    observation = observe(case.observation, at=now, findings=(finding,))
    return Outcome(observation=observation, again=None)


def yield_name(case: Case, *, now: datetime) -> Outcome:
    """The owner's zone has another claim's records: whoever controls the zone moved the domain."""
    finding = Finding(
        code="superseded",
        sentence=f"The records of {case.domain.name} belong to another workspace's request now, "
        "so this one is over. Ask for the domain again if that is wrong.",
        acts=Actor.OWNER,
        severity=Severity.FAILING,
    )
    return give_up(case, (finding,), now=now)


def give_up(
    case: Case,
    findings: tuple[Finding, ...],
    *,
    now: datetime,
    drain: Drain | None = None,
    again: timedelta | None = None,
) -> Outcome:
    """Let go of the name: nothing is published of it any more, and its claim is over for ever."""
    is_over = case.claim.state is ClaimState.RELEASED
    order = case.order
    observation = observe(
        case.observation,
        at=now,
        findings=findings,
        facts={"ca_refusals": 0, "ca_outages": 0, "ca_not_before": None, "drain": drain},
        dns=DnsStatus.LOST if case.observation.statuses.has_been_live else DnsStatus.WAITING,
        certificate=CertificateStatus.NONE,
        edge=EdgeStatus.ABSENT,
        probe=ProbeStatus.NONE,
    )
    return Outcome(
        observation=observation,
        again=again,
        claim=None if is_over else move_claim(case.claim, ClaimState.RELEASED),
        order=None if order is None else move_order(order, OrderState.FAILED, at=now),
        revoke=RevocationReason.CESSATION_OF_OPERATION,
    )
