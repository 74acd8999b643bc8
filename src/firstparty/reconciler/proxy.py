"""A domain that is its owner's own proxy: checked by the suite of ``proxy check`` until it is live.

After that it is watched by the same suite, without its test messages: each would be an event in
the owner's data, every few minutes for ever.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from firstparty.model.domains import build_records
from firstparty.model.findings import Actor, Finding, Severity
from firstparty.model.hosts import HTTPS_PORT
from firstparty.model.observations import Observation, Step
from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    EdgeStatus,
    ProbeStatus,
    Statuses,
)
from firstparty.proxies.platforms import find_words
from firstparty.proxies.result import Result, Status
from firstparty.proxies.target import HTTP_PORT, Place, Target
from firstparty.reconciler.case import Case
from firstparty.reconciler.damping import damp, look_again, weigh
from firstparty.reconciler.outcome import Outcome, observe
from firstparty.reconciler.pauses import WATCH, pause_for_broken, pause_for_parent
from firstparty.reconciler.ports import ProxyProbe
from firstparty.reconciler.resting import PAUSED

_SEVERITIES: Final = {Status.FAIL: Severity.FAILING, Status.WARN: Severity.WARNING}
_SHORTEST: Final = timedelta(seconds=10)  # between two checks: each is some 45 requests


async def look_at_proxy(case: Case, probe: ProxyProbe, *, now: datetime) -> Outcome:
    """Check the proxy, before it is live with test messages once all else passes."""
    target = build_target(case)
    results = await probe.check(replace(target, write_key=None))
    is_right = all(one.status is not Status.FAIL for one in results)
    if is_right and not case.observation.statuses.has_been_live and target.write_key is not None:
        results = await probe.check(target)
    return judge_proxy(case, results, now=now)


def build_target(case: Case) -> Target:
    """What is checked: both hosts, for the write key of the first javascript source."""
    domain = case.domain
    provider = domain.own_proxy.provider if domain.own_proxy else ""
    return Target(
        cdn=Place(host=domain.cdn_host, port=HTTPS_PORT, prefix="", plain_port=HTTP_PORT),
        api=Place(host=domain.api_host, port=HTTPS_PORT, prefix="/v1", plain_port=HTTP_PORT),
        write_key=case.write_key,
        provider=find_words(provider),
    )


def judge_proxy(case: Case, results: tuple[Result, ...], *, now: datetime) -> Outcome:
    """What the results of a check come to."""
    before = _restarted(case.observation, now)
    was_live = before.statuses.has_been_live
    seen = _read_statuses(before.statuses, results)
    damper, is_said = before.damper, True
    if was_live:
        damper, is_said = damp(damper, said=weigh(before.statuses), seen=weigh(seen), now=now)
    if not is_said:
        same = observe(before, at=now, findings=before.findings, tries=before.tries)
        same = replace(same, damper=damper)
        return Outcome(observation=same, again=look_again(damper, now=now))
    is_right = seen.probe is ProbeStatus.PASSED
    tries = 0 if is_right else before.tries + 1
    findings = _find(results, was_live=was_live)
    again = _pause(before, tries, now)
    if again is None:
        findings = (_rests(), *findings)
    has_addresses = seen.dns is DnsStatus.SERVING
    reached = [Step.ASKED]
    reached += [Step.DELEGATED] if has_addresses else []
    reached += [Step.LIVE] if is_right else []
    observation = observe(
        replace(before, statuses=seen, damper=damper),
        at=now,
        findings=findings,
        tries=tries,
        reached=tuple(reached),
        facts={"seen": build_records(case.domain, "") if has_addresses else ()},
    )
    return Outcome(observation=observation, again=again)


def _read_statuses(before: Statuses, results: tuple[Result, ...]) -> Statuses:
    """The four statuses that these results come to."""
    was_live = before.has_been_live
    is_right = all(one.status is not Status.FAIL for one in results)
    return Statuses(
        dns=_judge_dns(results, was_live=was_live),
        certificate=_judge_certificate(results, was_live=was_live),
        edge=EdgeStatus.PUBLISHED if _is_well(results, "tls") else EdgeStatus.ABSENT,
        probe=ProbeStatus.PASSED if is_right else ProbeStatus.FAILED,
        has_been_live=was_live or is_right,
    )


def _restarted(before: Observation, now: datetime) -> Observation:
    """After a pause the days are counted anew: a resumed domain is looked at like a new one."""
    if all(finding.code != PAUSED for finding in before.findings):
        return before
    return replace(before, findings=(), stopwatch=dict(before.stopwatch) | {Step.ASKED: now})


def _pause(before: Observation, tries: int, now: datetime) -> timedelta | None:
    if tries == 0:
        return WATCH
    if before.statuses.has_been_live:
        return pause_for_broken(tries)
    pause = pause_for_parent(now - before.stopwatch.get(Step.ASKED, now))
    return None if pause is None else max(pause, _SHORTEST)


def _is_well(results: tuple[Result, ...], group: str) -> bool:
    """Whether this check (``dns``, ``tls``) found nothing wrong on either side."""
    return all(
        one.status in {Status.PASS, Status.WARN}
        for one in results
        if one.check.partition(".")[2] == group
    )


def _judge_dns(results: tuple[Result, ...], *, was_live: bool) -> DnsStatus:
    if _is_well(results, "dns"):
        return DnsStatus.SERVING
    return DnsStatus.LOST if was_live else DnsStatus.WAITING


def _judge_certificate(results: tuple[Result, ...], *, was_live: bool) -> CertificateStatus:
    if _is_well(results, "tls"):
        return CertificateStatus.VALID
    return CertificateStatus.FAILING if was_live else CertificateStatus.NONE


def _find(results: tuple[Result, ...], *, was_live: bool) -> tuple[Finding, ...]:
    """One finding for each cause, with every check that it shows in; what fails comes first."""
    found: dict[str, list[Result]] = {}
    for status in _SEVERITIES:
        for one in results:
            if one.status is status and one.cause is not None:
                found.setdefault(one.cause, []).append(one)
    return tuple(_build_finding(cause, shown, was_live) for cause, shown in found.items())


def _build_finding(cause: str, shown: list[Result], was_live: bool) -> Finding:  # noqa: FBT001 - two
    first = shown[0]
    checks = ", ".join(dict.fromkeys(one.check for one in shown))
    is_fatal = first.status is Status.FAIL and not was_live
    return Finding(
        code=f"proxy-{cause}",
        sentence=f"{first.sentence} What to change: {first.fix} (Seen by {checks}.)",
        acts=Actor.OWNER,
        severity=Severity.PENDING if is_fatal else _SEVERITIES[first.status],
    )


def _rests() -> Finding:
    return Finding(
        code="proxy-rests",
        sentence="The proxy has not passed for 14 days, so we have stopped looking. Mend it, then "
        "check now: nothing has to be made again.",
        acts=Actor.OWNER,
    )
