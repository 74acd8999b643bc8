"""What the probes of both hosts mean, before the domain is live and ever after.

A look that finds something wrong changes nothing but when we look again: ``damping.py`` decides
when it is said, so that one lost packet raises no alarm, and a flap one.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from firstparty.model.findings import Actor, Finding, Severity
from firstparty.model.observations import Observation, Step
from firstparty.model.service_domain import CONSOLE_ID, DEFAULT_HOSTS_ID
from firstparty.model.status import CertificateStatus, DnsStatus, ProbeStatus
from firstparty.reconciler import caa_check, issuance_findings
from firstparty.reconciler.case import Case
from firstparty.reconciler.damping import damp, look_again, weigh
from firstparty.reconciler.expiry import judge_expiry
from firstparty.reconciler.hidden import HIDDEN, judge_hidden
from firstparty.reconciler.judgement import UNKNOWN, Judgement, is_settled
from firstparty.reconciler.key_roll import OUTDATED, judge_ds, read_parent_ds
from firstparty.reconciler.outcome import AT_ONCE, Outcome, observe
from firstparty.reconciler.pauses import CONFIRM, WATCH, pause_for_broken, pause_for_own
from firstparty.reconciler.ports import EdgeProbe, Ports
from firstparty.reconciler.probed import (
    ON_API_HOST,
    Check,
    HostAnswer,
    HostsAnswer,
    ProbeTarget,
)
from firstparty.reconciler.publication import Service
from firstparty.reconciler.verification import ask_owners_dns

# What leaves a live domain live, and is said.
_UNSURE: Final = frozenset({UNKNOWN, HIDDEN, OUTDATED}) | caa_check.CODES
_EXPECTED: Final = {
    Check.SETTINGS: ("the settings", "application/json"),
    Check.SCRIPT: ("the script", "javascript"),
    Check.CONSOLE: ("the console", "application/json"),
    Check.LIBRARY: ("its health", ""),
    Check.PREFLIGHT: ("a preflight", ""),
    Check.MESSAGE: ("the test message", "application/json"),
}


async def ask_hosts(case: Case, edge: EdgeProbe) -> HostsAnswer:
    """What both hosts answer over HTTPS now."""
    return await edge.ask_hosts(
        ProbeTarget(
            cdn_host=case.domain.cdn_host,
            api_host=case.domain.api_host,
            write_key=case.write_key,
            is_console=case.domain.id == CONSOLE_ID,
            is_default=case.domain.id == DEFAULT_HOSTS_ID,
        )
    )


def judge_hosts(answer: HostsAnswer, *, has_been_live: bool) -> tuple[Finding, ...]:
    """What is wrong with the hosts, one finding for each kind; empty: both answer as they must."""
    severity = Severity.FAILING if has_been_live else Severity.PENDING
    if not answer.answers:
        return (
            Finding(
                code="edge-not-probed",
                sentence="The setting edge.probe names no address, so the hosts cannot be tried.",
                acts=Actor.OPERATOR,
                severity=severity,
            ),
        )
    findings: dict[str, Finding] = {}
    for one in answer.answers:
        fault = _fault(one, severity)
        if fault is not None:
            findings.setdefault(fault.code, fault)
    return tuple(findings.values())


def judge_library(answer: HostsAnswer) -> tuple[Finding, ...]:
    """The versions of Analytics.js that an edge could not install: one finding for all."""
    refused = sorted({version for one in answer.answers for version in one.refused})
    if not refused:
        return ()
    return (
        Finding(
            code="library-refused",
            sentence=f"Analytics.js {', '.join(refused)} cannot be served first-party and was not "
            "installed: the version before goes on being served. firstparty library list says why.",
            acts=Actor.OPERATOR,
            severity=Severity.WARNING,
        ),
    )


def _fault(answer: HostAnswer, severity: Severity) -> Finding | None:
    what, content_type = _EXPECTED[answer.check]
    if answer.trouble is not None:
        return Finding(
            code="host-unreachable",
            sentence=f"https://{answer.host} does not answer at {answer.address}: "
            f"{answer.trouble}.",
            acts=Actor.OPERATOR,
            severity=severity,
        )
    is_right = (
        200 <= answer.status < 300  # noqa: PLR2004 - RFC 9110 §15.3
        and content_type in answer.content_type
        and answer.is_well_formed
    )
    # A source over its rate limit is its owner's rule at work.
    is_limited = answer.check is Check.MESSAGE and answer.status == HTTPStatus.TOO_MANY_REQUESTS
    # An edge without Analytics.js says so by its health, and serves everything else.
    if is_right or is_limited or answer.check is Check.LIBRARY:
        return None
    if answer.check is Check.MESSAGE and answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Finding(
            code="messages-not-stored",
            sentence=f"{answer.host} cannot store messages at the moment and answers 503: SDKs "
            "send them again.",
            acts=Actor.OPERATOR,
            severity=severity,
        )
    if answer.check in ON_API_HOST:
        return Finding(
            code="api-host-wrong",
            sentence=f"{answer.host} refuses {what} of the tracking API: status {answer.status}.",
            acts=Actor.OPERATOR,
            severity=severity,
        )
    return Finding(
        code="cdn-host-wrong",
        sentence=f"{answer.host} does not serve {what} as it must: status {answer.status}, "
        f"{answer.content_type or 'no type'}.",
        acts=Actor.OPERATOR,
        severity=severity,
    )


def first_probe(case: Case, answer: HostsAnswer, *, now: datetime) -> Outcome:
    """Live once both hosts answer; until then we look again and again."""
    faults = judge_hosts(answer, has_been_live=False)
    if not faults:
        observation = observe(
            case.observation,
            at=now,
            reached=(Step.LIVE,),
            probe=ProbeStatus.PASSED,
            has_been_live=True,
        )
        return Outcome(observation=observation, again=_until_next_look(case, now))
    tries = case.observation.tries + 1
    observation = observe(
        case.observation, at=now, findings=faults, tries=tries, probe=ProbeStatus.FAILED
    )
    return Outcome(observation=observation, again=pause_for_own(tries))


async def watch(case: Case, ports: Ports, service: Service, *, now: datetime) -> Outcome:
    """Look at the owner's records and at both hosts of a domain that has been live."""
    async with asyncio.TaskGroup() as group:
        records = group.create_task(ask_owners_dns(case, ports.dns, service))
        caa = group.create_task(caa_check.look_at_caa(case, ports.dns, service))
        hosts = group.create_task(ask_hosts(case, ports.edge))
    found = records.result()
    advice = (*caa.result(), *judge_ds(case, found), *judge_hidden(case, now=now))
    whole = replace(found, findings=(*found.findings, *advice))
    outcome = judge_watch(case, whole, hosts.result(), now=now)
    return replace(outcome, parent_ds=read_parent_ds(case, found))


def judge_watch(case: Case, records: Judgement, hosts: HostsAnswer, *, now: datetime) -> Outcome:
    """What a look at a live domain comes to."""
    before = case.observation
    faults = judge_hosts(hosts, has_been_live=True)
    agreed_since = (before.agreed_since or now) if records.is_agreed else None
    seen = replace(
        before.statuses,
        dns=_judge_dns(before, records, agreed_since, now),
        probe=ProbeStatus.FAILED if faults else ProbeStatus.PASSED,
        certificate=_certificate(case, now),
    )
    damper, is_said = damp(
        before.damper,
        said=weigh(before.statuses, (one for one in before.findings if one.code in _UNSURE)),
        seen=weigh(seen, records.findings),
        now=now,
    )
    facts = {"damper": damper, "agreed_since": agreed_since}
    if not is_said:
        same = observe(before, at=now, findings=before.findings, tries=before.tries, facts=facts)
        return Outcome(observation=same, again=look_again(damper, now=now))
    is_whole = seen.dns is DnsStatus.SERVING
    tries = 0 if is_whole and not faults else before.tries + 1
    observation = observe(
        before,
        at=now,
        findings=(
            *records.findings,
            *faults,
            *judge_expiry(case, now=now),
            *judge_library(hosts),
            *_kept(case),
        ),
        tries=tries,
        facts={**facts, "seen": records.seen},
        dns=seen.dns,
        probe=seen.probe,
        certificate=seen.certificate,
    )
    if not is_whole:
        return Outcome(observation=observation, again=pause_for_broken(tries))
    return Outcome(
        observation=observation, again=CONFIRM if faults else _until_next_look(case, now)
    )


def _judge_dns(
    before: Observation, records: Judgement, agreed_since: datetime | None, now: datetime
) -> DnsStatus:
    if records.dns is DnsStatus.PROVED or is_settled(agreed_since, now=now):
        return DnsStatus.SERVING
    # Not knowing is neither losing nor finding again.
    return before.statuses.dns if records.dns is DnsStatus.UNKNOWN else records.dns


def _kept(case: Case) -> tuple[Finding, ...]:
    """What was said of a renewal that failed and waits for its next try."""
    if case.observation.ca_not_before is None:
        return ()
    findings = case.observation.findings
    return tuple(one for one in findings if one.code in issuance_findings.CODES)


def _certificate(case: Case, now: datetime) -> CertificateStatus:
    there = case.certificate
    is_over = there is None or now >= there.not_after
    return CertificateStatus.FAILING if is_over else case.observation.statuses.certificate


def _until_next_look(case: Case, now: datetime) -> timedelta:
    """The pause of the watch, shorter when something is due before."""
    due = [now + WATCH]
    if case.certificate is not None:
        due.append(case.certificate.due_at)
    waits_until = case.observation.ca_not_before
    soonest = min(due)
    if waits_until is not None:
        soonest = min(now + WATCH, max(soonest, waits_until))
    return max(soonest - now, AT_ONCE)
