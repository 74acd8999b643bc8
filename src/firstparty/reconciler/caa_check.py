"""Before an order for hosts by CNAME: would the CA be let? In our own zones it always is."""

from datetime import datetime
from typing import Final

from firstparty.model.certificates import ChallengeMethod
from firstparty.model.domains import Mode
from firstparty.model.findings import Finding
from firstparty.model.status import CertificateStatus
from firstparty.reconciler.caa import judge_caa
from firstparty.reconciler.case import Case
from firstparty.reconciler.outcome import Outcome, observe
from firstparty.reconciler.pauses import CAA_LOOK, CAA_RENEWAL, WATCH
from firstparty.reconciler.ports import DnsProbe
from firstparty.reconciler.publication import Service

CODES: Final = frozenset({"caa-forbids", "caa-unanswered"})


async def look_at_caa(case: Case, dns: DnsProbe, service: Service) -> tuple[Finding, ...]:
    """Why no CA of ours may issue for hosts by CNAME; none: one may."""
    if case.domain.mode is not Mode.CNAME or not service.issuers:
        return ()
    found = await dns.ask_caa(case.domain.hosts)
    return judge_caa(found, service.issuers, case.accounts, ChallengeMethod.HTTP)


async def refuse_by_caa(
    case: Case, dns: DnsProbe, service: Service, *, now: datetime
) -> Outcome | None:
    """What to say and when to look again where no CA may issue; None: go on and order."""
    if case.order is not None:
        return None
    findings = await look_at_caa(case, dns, service)
    if not findings:
        return None
    before = case.observation
    if before.statuses.has_been_live:  # it is watched meanwhile
        observation = observe(
            before, at=now, findings=findings, facts={"ca_not_before": now + CAA_RENEWAL}
        )
        return Outcome(observation=observation, again=min(CAA_RENEWAL, WATCH))
    observation = observe(before, at=now, findings=findings, certificate=CertificateStatus.FAILING)
    return Outcome(observation=observation, again=CAA_LOOK)
