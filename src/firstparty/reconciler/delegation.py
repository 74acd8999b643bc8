"""What the parent's answer means for a claim: a status, and why not yet. Pure.

Only exactly this claim's nameservers, at every server of the parent, prove it. Anything else is
said with the records as they should be, and those that should go away.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from firstparty.model.claims import nameserver_names
from firstparty.model.dnssec import build_ds_record, ds_texts
from firstparty.model.domains import Domain, build_records
from firstparty.model.findings import Actor, DnsRecord, Finding, Severity
from firstparty.model.status import DnsStatus
from firstparty.reconciler.judgement import UNKNOWN, Judgement, are_enough, enumerate_names
from firstparty.resolver.observed import ParentAnswer

_MAX_RECORDS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """A domain, what the parent's servers said of it, and whether it was proved before.

    ``dnskeys`` are those of its zone; the first is the one that a DS should be of.
    """

    domain: Domain
    service_domain: str
    answer: ParentAnswer
    was_proved: bool
    dnskeys: tuple[bytes, ...] = ()

    @property
    def wanted(self) -> frozenset[str]:
        """The nameservers of this claim."""
        return frozenset(nameserver_names(self.domain.token, self.service_domain))

    @property
    def records(self) -> tuple[DnsRecord, ...]:
        """The records as they should be."""
        return build_records(self.domain, self.service_domain)

    @property
    def surplus(self) -> tuple[DnsRecord, ...]:
        """NS records that are there and should not be."""
        return self._ns_records(self.answer.nameservers - self.wanted)

    @property
    def seen(self) -> tuple[DnsRecord, ...]:
        """Every record found at the name."""
        targets = sorted({one.cname for one in self.answer.heard if one.cname})
        cnames = (
            DnsRecord(name=f"{self.domain.name}.", type="CNAME", value=f"{target}.")
            for target in targets
        )
        return (
            *self._ns_records(self.answer.nameservers),
            *cnames,
            *self.ds_records(self.answer.ds),
        )

    @property
    def own_ds(self) -> frozenset[str]:
        """Every DS that means a key of our zone."""
        return frozenset(text for key in self.dnskeys for text in ds_texts(self.domain.name, key))

    def ds_records(self, values: frozenset[str]) -> tuple[DnsRecord, ...]:
        """These DS records at the name."""
        return tuple(
            DnsRecord(name=f"{self.domain.name}.", type="DS", value=value)
            for value in sorted(values)[:_MAX_RECORDS]
        )

    def _ns_records(self, nameservers: frozenset[str]) -> tuple[DnsRecord, ...]:
        return tuple(
            DnsRecord(name=f"{self.domain.name}.", type="NS", value=f"{nameserver}.")
            for nameserver in sorted(nameservers)[:_MAX_RECORDS]
        )


def judge_delegation(delegation: Delegation) -> Judgement:
    """The status of the delegation, and every finding that applies, the first one first."""
    findings = tuple(found for check in CHECKS if (found := check(delegation)) is not None)
    answer = delegation.answer
    is_agreed = (
        {finding.code for finding in findings} == {UNKNOWN}
        and all(one.nameservers == delegation.wanted for one in answer.heard)
        and are_enough((one.server for one in answer.heard), (one.server for one in answer.unheard))
    )
    is_bare = bool(answer.heard) and not answer.nameservers
    return Judgement(
        dns=_status(delegation, findings),
        findings=findings,
        seen=delegation.seen,
        is_agreed=is_agreed,
        hidden=_list_hidden(delegation) if is_bare else None,
    )


def _list_hidden(delegation: Delegation) -> tuple[str, ...]:
    """What is there now and will be hidden, as an owner would say it."""
    heard = delegation.answer.heard
    types = sorted({kind for one in heard for kind in one.other_types})
    below = sorted({name for one in heard for name in one.names_below})
    at_the_name = (f"{delegation.domain.name} ({', '.join(types)})",) if types else ()
    some = any(one.has_names_below for one in heard) and not below
    return (*at_the_name, *below, *((f"names below {delegation.domain.name}",) if some else ()))


def _status(delegation: Delegation, findings: tuple[Finding, ...]) -> DnsStatus:
    answer, wanted = delegation.answer, delegation.wanted
    if not findings and answer.delegates_exactly_to(wanted):
        return DnsStatus.PROVED
    if not answer.heard:
        return DnsStatus.UNKNOWN
    if answer.nameservers & wanted:
        only_unheard = {finding.code for finding in findings} <= {UNKNOWN}
        return DnsStatus.UNKNOWN if only_unheard else DnsStatus.PARTIAL
    if delegation.was_proved:
        return DnsStatus.LOST
    is_bare = not answer.nameservers and not any(one.cname for one in answer.heard)
    return DnsStatus.WAITING if is_bare else DnsStatus.PARTIAL


def could_not_check(delegation: Delegation) -> Finding | None:
    """Not knowing is not failing: it is said, and nothing is concluded from it."""
    answer = delegation.answer
    if answer.is_complete:
        return None
    if answer.heard:
        silent = enumerate_names({one.server for one in answer.unheard})
        what = f"These nameservers of {answer.parent or 'the root'} gave no answer: {silent}."
    elif answer.trouble is not None or answer.parent is None:
        what = f"The zone above {delegation.domain.name} could not be found ({answer.trouble})."
    else:
        what = f"No nameserver of {answer.parent or 'the root'} gave an answer."
    return Finding(
        code="could-not-check",
        sentence=f"{what} We ask again by ourselves.",
        acts=Actor.NOBODY,
        severity=Severity.WARNING if delegation.was_proved else Severity.PENDING,
    )


def cname_at_the_cut(delegation: Delegation) -> Finding | None:
    """A CNAME and a delegation exclude each other (RFC 1034 §3.6.2)."""
    targets = sorted({one.cname for one in delegation.answer.heard if one.cname})
    if not targets:
        return None
    return _owner_finding(
        delegation,
        code="cname-at-the-cut",
        sentence=f"{delegation.domain.name} is a CNAME to {targets[0]}: delete the CNAME, then "
        "add the NS records.",
        surplus=delegation.seen,
    )


def not_delegated(delegation: Delegation) -> Finding | None:
    """Nothing is there yet, or not any more."""
    answer = delegation.answer
    if not answer.heard or answer.nameservers or any(one.cname for one in answer.heard):
        return None
    return _owner_finding(
        delegation,
        code="not-delegated",
        sentence=f"The zone {answer.parent} has no NS records for {delegation.domain.name} "
        f"{'any more' if delegation.was_proved else 'yet'}.",
    )


def hides_records(delegation: Delegation) -> Finding | None:
    """Records at the name itself, which the delegation will hide."""
    types = sorted({kind for one in delegation.answer.heard for kind in one.other_types})
    if not types:
        return None
    return _owner_finding(
        delegation,
        code="hides-records",
        sentence=f"{delegation.domain.name} has records now ({', '.join(types)}): the NS records "
        "hide them and all below the name. Choose another name if they are in use.",
    )


def hides_names(delegation: Delegation) -> Finding | None:
    """Records below the name, which the delegation will hide."""
    answer = delegation.answer
    if not any(one.has_names_below for one in answer.heard):
        return None
    found = enumerate_names({name for one in answer.heard for name in one.names_below})
    which = f"{found}, and perhaps others" if found else "which ones cannot be seen from outside"
    return _owner_finding(
        delegation,
        code="hides-names",
        sentence=f"The zone {answer.parent} has records below {delegation.domain.name} now "
        f"({which}): the NS records hide them all. If they are in use, choose another name, or ask "
        "for this one by CNAME, which hides nothing.",
    )


def delegated_elsewhere(delegation: Delegation) -> Finding | None:
    """NS records, and none of them this claim's."""
    found = delegation.answer.nameservers
    if not found or found & delegation.wanted:
        return None
    is_ours = all(one.endswith(f".ns.{delegation.service_domain}") for one in found)
    whose = "those of another request of this service" if is_ours else "none of them ours"
    return _owner_finding(
        delegation,
        code="delegated-elsewhere",
        sentence=f"{delegation.domain.name} has other NS records ({whose}): replace them by these.",
        surplus=delegation.surplus,
    )


def partly_delegated(delegation: Delegation) -> Finding | None:
    """Some of this claim's records are there: not all, or not at every server of the parent."""
    answer, wanted = delegation.answer, delegation.wanted
    if not answer.nameservers & wanted:
        return None
    missing = wanted - answer.nameservers
    behind = {one.server for one in answer.heard if not wanted <= one.nameservers}
    if missing:
        what = f"NS records are missing: {enumerate_names(missing)}."
    elif behind:
        which = enumerate_names(behind)
        what = f"Not every nameserver of {answer.parent} has the records yet: {which}."
    else:
        return None
    return _owner_finding(delegation, code="partly-delegated", sentence=what)


def delegated_to_others_too(delegation: Delegation) -> Finding | None:
    """Shared control: whoever runs the other servers answers for the name as well."""
    if not delegation.answer.nameservers & delegation.wanted or not delegation.surplus:
        return None
    others = enumerate_names(delegation.answer.nameservers - delegation.wanted)
    return _owner_finding(
        delegation,
        code="delegated-to-others-too",
        sentence=f"There are NS records that are not ours: delete {others}.",
        surplus=delegation.surplus,
    )


def stale_ds(delegation: Delegation) -> Finding | None:
    """A DS of another key than ours: validating resolvers, and so every CA, get SERVFAIL.

    One of ours beside it is enough for them (RFC 4035 §5.3.1).
    """
    name, own = delegation.domain.name, delegation.own_ds
    wrong = frozenset().union(
        *(one.ds for one in delegation.answer.heard if one.ds and not one.ds & own)
    )
    if not wrong:
        return None
    ours = tuple(build_ds_record(name, key) for key in delegation.dnskeys[:1])
    remedy = ", or replace it by ours" if ours else ""
    finding = _owner_finding(
        delegation,
        code="stale-ds",
        sentence=f"{name} has a DS record of another key than ours: delete it{remedy}, "
        "or no resolver that validates will find the domain.",
        surplus=delegation.ds_records(wrong),
    )
    return replace(finding, records=(*finding.records, *ours))


def _owner_finding(
    delegation: Delegation, *, code: str, sentence: str, surplus: tuple[DnsRecord, ...] = ()
) -> Finding:
    return Finding(
        code=code,
        sentence=sentence,
        acts=Actor.OWNER,
        severity=Severity.FAILING if delegation.was_proved else Severity.PENDING,
        records=delegation.records,
        surplus=surplus,
    )


CHECKS: Final[tuple[Callable[[Delegation], Finding | None], ...]] = (
    cname_at_the_cut,
    not_delegated,
    delegated_elsewhere,
    partly_delegated,
    delegated_to_others_too,
    stale_ds,
    hides_records,
    hides_names,
    could_not_check,
)
