"""The steps that verify a domain's records: the owner's servers first, then our own."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from firstparty.model.claims import ClaimState, cname_targets, move_claim
from firstparty.model.domains import Mode, build_records
from firstparty.model.findings import Actor, Finding
from firstparty.model.observations import Observation, Step
from firstparty.model.service_domain import is_own
from firstparty.model.status import DnsStatus
from firstparty.reconciler.case import Case
from firstparty.reconciler.cname import judge_pointers
from firstparty.reconciler.delegation import Delegation, judge_delegation
from firstparty.reconciler.judgement import Judgement, is_settled
from firstparty.reconciler.outcome import AT_ONCE, Outcome, observe
from firstparty.reconciler.pauses import (
    PUBLISHED,
    pause_for_own,
    pause_for_parent,
)
from firstparty.reconciler.pointers import read_pointers
from firstparty.reconciler.ports import DnsProbe
from firstparty.reconciler.publication import Service
from firstparty.reconciler.resting import PAUSED
from firstparty.resolver.observed import OwnAnswer, OwnServerAnswer

_PATIENCE: Final = 40  # tries, about two seconds, before the operator is told


async def ask_owners_dns(case: Case, probe: DnsProbe, service: Service) -> Judgement:
    """What the servers of the owner's zone say of the domain now, judged by its mode."""
    domain, was_proved = case.domain, case.claim.state is ClaimState.PROVED
    if is_own(domain.id):
        return Judgement(dns=DnsStatus.PROVED, findings=(), seen=())
    match domain.mode:
        case Mode.DELEGATION:
            return judge_delegation(
                Delegation(
                    domain=domain,
                    service_domain=service.domain,
                    answer=await probe.ask_parent(domain.name),
                    was_proved=was_proved,
                    dnskeys=case.dnskeys,
                )
            )
        case Mode.CNAME:
            return judge_pointers(
                read_pointers(
                    domain,
                    await probe.ask_pointing(domain.hosts),
                    service_domain=service.domain,
                    edge_addresses=service.edge_addresses,
                    was_proved=was_proved,
                )
            )
        case Mode.PROXY:
            raise ValueError("a proxy has no records that prove anything: see proxy.py")


def prove(case: Case, judgement: Judgement, *, service: Service, now: datetime) -> Outcome:
    """Prove the claim if the parent has its records; otherwise say why not yet."""
    before = case.observation
    # After a pause the days are counted anew: a resumed domain is looked at like a new one.
    was_paused = any(finding.code == PAUSED for finding in before.findings)
    since = now if was_paused else before.stopwatch.get(Step.ASKED, now)
    stopwatch = dict(before.stopwatch) | {Step.ASKED: since}
    agreed_since = (before.agreed_since or now) if judgement.is_agreed else None
    before = replace(
        before,
        seen=judgement.seen,
        stopwatch=stopwatch,
        agreed_since=agreed_since,
        hidden=before.hidden if judgement.hidden is None else judgement.hidden,
    )
    if judgement.dns is DnsStatus.PROVED or is_settled(agreed_since, now=now):
        return _proved(case, before, now)
    tries = before.tries + 1
    findings = judgement.findings
    again = pause_for_parent(now - since, crowd=case.crowd)
    if again is None:
        findings = (_rests(case, service), *findings)
    observation = observe(before, at=now, findings=findings, tries=tries, dns=judgement.dns)
    return Outcome(observation=observation, again=again)


def _proved(case: Case, before: Observation, now: datetime) -> Outcome:
    observation = observe(
        before,
        at=now,
        findings=(_checking(case),),
        reached=(Step.DELEGATED,),
        dns=DnsStatus.PROVED,
    )
    is_new = case.claim.state is ClaimState.PENDING
    claim = move_claim(case.claim, ClaimState.PROVED) if is_new else None
    return Outcome(observation=observation, again=PUBLISHED, claim=claim)


async def check_own_servers(
    case: Case, probe: DnsProbe, service: Service, *, now: datetime
) -> Outcome:
    """Whether every server of ours answers the zone, or the targets, as published last."""
    before = case.observation
    answer = await _ask_own_servers(case, probe, service)
    # The targets are in the service zone, whose serial every domain moves on.
    has_serial = case.zone is not None and not is_own(case.domain.id)
    if answer.serves(case.zone.serial if case.zone is not None and has_serial else None):
        observation = observe(before, at=now, reached=(Step.SERVING,), dns=DnsStatus.SERVING)
        return Outcome(observation=observation, again=AT_ONCE)
    tries = before.tries + 1
    finding = _checking(case)
    if tries > _PATIENCE:
        behind = sorted({str(one.address) for one in answer.servers if _is_behind(one, case)})
        finding = Finding(
            code="own-servers-behind",
            sentence="The records are right. Our own nameservers do not answer for the name "
            f"yet: {', '.join(behind) or 'none is set up'}.",
            acts=Actor.OPERATOR,
        )
    observation = observe(before, at=now, findings=(finding,), tries=tries)
    return Outcome(observation=observation, again=pause_for_own(tries))


async def _ask_own_servers(case: Case, probe: DnsProbe, service: Service) -> OwnAnswer:
    domain = case.domain
    match domain.mode:
        case Mode.DELEGATION:
            return await probe.ask_own_servers(domain.name, domain.hosts)
        case Mode.CNAME:
            targets = cname_targets(domain.token, service.domain)
            return await probe.ask_own_servers(service.domain, targets)
        case Mode.PROXY:
            raise ValueError("our servers answer nothing for a proxy: see proxy.py")


def _is_behind(answer: OwnServerAnswer, case: Case) -> bool:
    is_old = case.zone is not None and answer.serial != case.zone.serial
    return is_old or answer.serial is None or bool(answer.missing_hosts)


def _checking(case: Case) -> Finding:
    return Finding(
        code="own-servers-checked",
        sentence=f"The records of {case.domain.name} are right: our own servers are checked.",
        acts=Actor.NOBODY,
    )


def _rests(case: Case, service: Service) -> Finding:
    return Finding(
        code="rests",
        sentence="The records have been missing for 14 days, so we have stopped looking. Add them, "
        "then check now: nothing has to be made again.",
        acts=Actor.OWNER,
        records=build_records(case.domain, service.domain),
    )
