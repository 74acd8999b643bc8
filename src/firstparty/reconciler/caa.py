"""CAA: which CAs may issue for names of ours, and whether ours would be let in. Pure.

RFC 8659 (CAA), RFC 8657 (accounturi, validationmethods). For a host by CNAME a CA reads the set at
our target, where the CNAME leads; only where that has none does it climb the owner's tree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firstparty.model.certificates import ChallengeMethod
from firstparty.model.feed import CaaRecord
from firstparty.model.findings import Actor, DnsRecord, Finding, Severity
from firstparty.resolver.caa import CaaFound
from firstparty.resolver.observed import Trouble

_METHODS: Final = {ChallengeMethod.DNS: "dns-01", ChallengeMethod.HTTP: "http-01"}
_CRITICAL: Final = 128  # RFC 8659 §4.1: who does not know the tag must not issue
_KNOWN_TAGS: Final = frozenset({"issue", "issuewild", "iodef", "issuemail", "contactemail"})
# What our own limits keep from us says nothing of what a CA would get.
_OURS: Final = frozenset({Trouble.BUDGET, Trouble.NO_ROUTE, Trouble.NOT_PUBLIC})


@dataclass(frozen=True, slots=True, kw_only=True)
class CaaIssuer:
    """An authority in use: its identity in CAA, and the names that its accounts are stored under.

    The first account is the one that issues; the others (its staging) are let in once they exist.
    """

    identity: str
    accounts: tuple[str, ...]
    email: str = ""


def build_caa(
    issuers: Sequence[CaaIssuer], accounts: Mapping[str, str], *methods: ChallengeMethod
) -> tuple[CaaRecord, ...]:
    """The records that let exactly these accounts issue, by these methods; none without issuers.

    ``accounts`` has the URL of each account that the CA knows. Before its first order an authority
    has none: until then every account of it is let in.
    """
    ways = ",".join(_METHODS[method] for method in methods)
    records: dict[CaaRecord, None] = {}
    for issuer in issuers:
        known = [accounts[name] for name in issuer.accounts if accounts.get(name)]
        if not accounts.get(issuer.accounts[0]):
            known = [""]
        for url in known:
            account = f"; accounturi={url}" if url else ""
            value = f"{issuer.identity}{account}; validationmethods={ways}"
            records[CaaRecord(flags=0, tag="issue", value=value)] = None
    if not records:
        return ()
    records[CaaRecord(flags=0, tag="issuewild", value=";")] = None  # we never ask for one
    for issuer in issuers:
        if issuer.email:
            records[CaaRecord(flags=0, tag="iodef", value=f"mailto:{issuer.email}")] = None
    return tuple(records)


def judge_caa(
    found: Sequence[CaaFound],
    issuers: Sequence[CaaIssuer],
    accounts: Mapping[str, str],
    method: ChallengeMethod,
) -> tuple[Finding, ...]:
    """Why no CA of ours may issue for these hosts, one finding a kind; none: one may."""
    findings: dict[str, Finding] = {}
    for one in found:
        finding = _judge(one, issuers, accounts, _METHODS[method])
        if finding is not None:
            findings.setdefault(finding.code, finding)
    return tuple(findings.values())


def _judge(
    found: CaaFound, issuers: Sequence[CaaIssuer], accounts: Mapping[str, str], method: str
) -> Finding | None:
    if found.trouble is not None:
        return None if found.trouble in _OURS else _unanswered(found)
    is_let = any(_lets(found.records, issuer, accounts, method) for issuer in issuers)
    if is_let:
        return None
    assert found.at is not None  # without records every CA is let
    wanted = DnsRecord(name=f"{found.at}.", type="CAA", value=f'0 issue "{issuers[0].identity}"')
    return Finding(
        code="caa-forbids",
        sentence=f"The CAA records at {found.at} let no CA of ours issue a certificate for "
        f"{found.host}: add the one given here beside them.",
        acts=Actor.OWNER,
        severity=Severity.FAILING,
        records=(wanted,),
    )


def _unanswered(found: CaaFound) -> Finding:
    return Finding(
        code="caa-unanswered",
        sentence=f"The nameservers of {found.at or found.host} do not answer a question for CAA "
        "records, and without an answer no CA issues a certificate (RFC 8659 §3): whoever runs "
        "them must mend that.",
        acts=Actor.OWNER,
        severity=Severity.FAILING,
    )


def _lets(
    records: Sequence[CaaRecord], issuer: CaaIssuer, accounts: Mapping[str, str], method: str
) -> bool:
    """Whether this set lets the issuer's first account in by this method."""
    if any(one.flags & _CRITICAL and one.tag.lower() not in _KNOWN_TAGS for one in records):
        return False
    issue = [one.value for one in records if one.tag.lower() == "issue"]
    account = accounts.get(issuer.accounts[0], "")
    return not issue or any(_fits(value, issuer.identity, account, method) for value in issue)


def _fits(value: str, identity: str, account: str, method: str) -> bool:
    domain, *rest = (part.strip() for part in value.split(";"))
    parameters = dict(part.split("=", 1) for part in rest if "=" in part)
    methods = parameters.get("validationmethods")
    uri = parameters.get("accounturi")
    return (
        domain.lower().removesuffix(".") == identity
        and (methods is None or method in methods.split(","))
        and (uri is None or not account or uri == account)
    )
