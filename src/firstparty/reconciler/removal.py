"""A domain that its owner removed: it drains, then it is gone, then its records should be too."""

from datetime import datetime

from firstparty.model.claims import ClaimState
from firstparty.model.domains import Mode, build_records
from firstparty.model.drains import Drain
from firstparty.model.findings import Actor, DnsRecord, Finding, Severity
from firstparty.model.status import DnsStatus, EdgeStatus, Intent
from firstparty.reconciler.case import Case
from firstparty.reconciler.drain import (
    Draining,
    DrainLimits,
    find_reasons,
    go_on_draining,
    measure,
)
from firstparty.reconciler.outcome import AT_ONCE, Outcome, observe
from firstparty.reconciler.pauses import LEFTOVERS, LEFTOVERS_UNTIL
from firstparty.reconciler.ports import DnsProbe, TrafficProbe
from firstparty.reconciler.publication import Service
from firstparty.reconciler.resting import give_up
from firstparty.reconciler.verification import ask_owners_dns


def is_unremoved(case: Case) -> bool:
    """Whether the owner wants it gone, and it still holds its name."""
    return case.domain.intent is Intent.REMOVED and case.claim.state is not ClaimState.RELEASED


def is_draining(case: Case) -> bool:
    """Whether there is anything to drain, and the owner did not say "at once"."""
    is_ours = case.domain.mode is not Mode.PROXY  # what arrives at a proxy is its owner's to know
    is_served = is_ours and case.observation.statuses.edge is EdgeStatus.PUBLISHED
    return is_unremoved(case) and is_served and case.domain.drains


async def drain(
    case: Case, traffic: TrafficProbe, limits: DrainLimits, *, now: datetime
) -> Outcome:
    """Serve on while somebody asks or messages wait; otherwise it is removed."""
    answer = await traffic.ask_traffic(case.domain.id, case.lone_sources)
    at = Draining(
        case=case,
        drain=measure(case.observation.drain, answer, now=now),
        is_measured=answer.is_complete,
        limits=limits,
        now=now,
    )
    reasons = find_reasons(at)
    return go_on_draining(at, reasons) if reasons else remove(case, drain=at.drain, now=now)


def remove(case: Case, *, now: datetime, drain: Drain | None = None) -> Outcome:
    """Take the domain out of the zones and the edge; its claim is a tombstone from now on."""
    last = drain or case.observation.drain or Drain(since=now)
    return give_up(case, (), drain=last, again=AT_ONCE, now=now)


async def look_for_leftovers(
    case: Case, dns: DnsProbe, service: Service, *, now: datetime
) -> Outcome:
    """Say which of its records are still in the owner's zone; once a day, for two weeks."""
    before = case.observation
    if case.domain.mode is Mode.PROXY:
        return Outcome(observation=observe(before, at=now), again=None)
    judgement = await ask_owners_dns(case, dns, service)
    wanted = build_records(case.domain, service.domain)
    left = tuple(record for record in wanted if record in judgement.seen)
    is_known = judgement.dns is not DnsStatus.UNKNOWN
    findings = _records_left(case, left) if is_known else before.findings
    observation = observe(before, at=now, findings=findings, facts={"seen": judgement.seen})
    since = now if before.drain is None else before.drain.since
    is_over = now - since >= LEFTOVERS_UNTIL or (is_known and not left)
    return Outcome(observation=observation, again=None if is_over else LEFTOVERS)


def _records_left(case: Case, left: tuple[DnsRecord, ...]) -> tuple[Finding, ...]:
    if not left:
        return ()
    return (
        Finding(
            code="records-left",
            sentence=f"{case.domain.name} is removed: delete its records, which lead nowhere now. "
            "Nobody else can use them.",
            acts=Actor.OWNER,
            severity=Severity.WARNING,
            surplus=left,
        ),
    )
