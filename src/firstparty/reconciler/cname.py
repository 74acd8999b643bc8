"""What the two hosts of a domain by CNAME point at means for its claim: status and findings. Pure.

Only this claim's own targets, at every server of the zone that the hosts are in, prove it.
"""

from collections.abc import Callable
from typing import Final

from firstparty.model.findings import Actor, Finding, Severity
from firstparty.model.status import DnsStatus
from firstparty.reconciler.judgement import UNKNOWN, Judgement, are_enough, enumerate_names
from firstparty.reconciler.pointers import PointedHost, Pointers, Pointing

_IS_THERE: Final = frozenset({Pointing.RIGHT, Pointing.PARTLY})


def judge_pointers(pointers: Pointers) -> Judgement:
    """The status of the CNAMEs, and every finding that applies, the first one first."""
    findings = tuple(found for check in CHECKS if (found := check(pointers)) is not None)
    seen = tuple(
        record
        for host in pointers.hosts
        for record in (
            *((host.wanted,) if host.where in _IS_THERE else ()),
            *host.surplus,
        )
    )
    is_agreed = {finding.code for finding in findings} == {UNKNOWN} and all(
        host.where is Pointing.RIGHT
        and are_enough(
            (one.server for one in host.found.heard), (one.server for one in host.found.unheard)
        )
        for host in pointers.hosts
    )
    return Judgement(
        dns=_status(pointers, findings), findings=findings, seen=seen, is_agreed=is_agreed
    )


def _status(pointers: Pointers, findings: tuple[Finding, ...]) -> DnsStatus:
    known = {host.where for host in pointers.hosts} - {None}
    if not findings:
        return DnsStatus.PROVED
    if not known:
        return DnsStatus.UNKNOWN
    if {finding.code for finding in findings} == {UNKNOWN}:
        return DnsStatus.UNKNOWN
    if pointers.was_proved and not known <= _IS_THERE:
        return DnsStatus.LOST  # one host that is gone is enough
    return DnsStatus.WAITING if known == {Pointing.ABSENT} else DnsStatus.PARTIAL


def cname_partly(pointers: Pointers) -> Finding | None:
    """The zone's servers differ: a change is under way, or one of them is behind."""
    hosts = pointers.that_are(Pointing.PARTLY)
    if not hosts:
        return None
    behind = {
        one.server
        for host in hosts
        for one in host.found.heard
        if not one.cnames or f"{one.cnames[-1]}." != host.wanted.value
    }
    return _owner_finding(
        pointers,
        hosts,
        code="cname-partly",
        sentence=f"Not every nameserver of {hosts[0].found.zone} has the CNAME for {_say(hosts)} "
        f"yet: {enumerate_names(behind)}.",
    )


def cname_wrong_target(pointers: Pointers) -> Finding | None:
    """Another CNAME, perhaps another claim's; or addresses of somebody else."""
    hosts = pointers.that_are(Pointing.ELSEWHERE)
    if not hosts:
        return None
    found = enumerate_names({record.value for host in hosts for record in host.surplus})
    return _owner_finding(
        pointers,
        hosts,
        code="cname-wrong-target",
        sentence=f"{_say(hosts)} point{_s(hosts)} elsewhere ({found}): put the CNAME given here in "
        "its place.",
    )


def cname_proxied(pointers: Pointers) -> Finding | None:
    """The orange cloud: Cloudflare answers with its own addresses and ends TLS itself."""
    hosts = pointers.that_are(Pointing.PROXIED)
    if not hosts:
        return None
    return _owner_finding(
        pointers,
        hosts,
        code="cname-proxied",
        sentence=f"{_say(hosts)} answer{_s(hosts)} with addresses of Cloudflare's proxy (the "
        "orange cloud), which hides the CNAME: set the record to DNS only (the grey cloud).",
    )


def cname_flattened(pointers: Pointers) -> Finding | None:
    """Our addresses, written down or looked up by the provider, in place of the CNAME."""
    hosts = pointers.that_are(Pointing.FLATTENED)
    if not hosts:
        return None
    return _owner_finding(
        pointers,
        hosts,
        code="cname-flattened",
        sentence=f"{_say(hosts)} answer{_s(hosts)} with our addresses and not with the CNAME. They "
        "are every domain's, so they prove nothing, and they may change: use a plain CNAME record, "
        "neither A, ALIAS nor ANAME, and turn CNAME flattening off.",
    )


def cname_missing(pointers: Pointers) -> Finding | None:
    """Nothing is there yet, or not any more."""
    hosts = pointers.that_are(Pointing.ABSENT)
    if not hosts:
        return None
    return _owner_finding(
        pointers,
        hosts,
        code="cname-missing",
        sentence=f"The zone {hosts[0].found.zone} has no CNAME for {_say(hosts)} "
        f"{'any more' if pointers.was_proved else 'yet'}.",
    )


def could_not_check(pointers: Pointers) -> Finding | None:
    """Not knowing is not failing: it is said, and nothing is concluded from it."""
    hosts = tuple(host for host in pointers.hosts if not host.found.is_complete)
    if not hosts:
        return None
    first = hosts[0].found
    if first.zone is None:
        what = f"The zone that {first.host} is in could not be found ({first.trouble})."
    else:
        silent = enumerate_names({one.server for one in first.unheard}) or "all of them"
        what = f"These nameservers of {first.zone or 'the root'} gave no answer: {silent}."
    return Finding(
        code="could-not-check",
        sentence=f"{what} We ask again by ourselves.",
        acts=Actor.NOBODY,
        severity=Severity.WARNING if pointers.was_proved else Severity.PENDING,
    )


def _say(hosts: tuple[PointedHost, ...]) -> str:
    return " and ".join(host.wanted.name.removesuffix(".") for host in hosts)


def _s(hosts: tuple[PointedHost, ...]) -> str:
    return "s" if len(hosts) == 1 else ""


def _owner_finding(
    pointers: Pointers, hosts: tuple[PointedHost, ...], *, code: str, sentence: str
) -> Finding:
    return Finding(
        code=code,
        sentence=sentence,
        acts=Actor.OWNER,
        severity=Severity.FAILING if pointers.was_proved else Severity.PENDING,
        records=tuple(host.wanted for host in hosts),
        surplus=tuple(record for host in hosts for record in host.surplus),
    )


CHECKS: Final[tuple[Callable[[Pointers], Finding | None], ...]] = (
    cname_wrong_target,
    cname_proxied,
    cname_flattened,
    cname_missing,
    cname_partly,
    could_not_check,
)
