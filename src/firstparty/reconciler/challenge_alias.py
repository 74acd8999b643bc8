"""Whether the owner of a domain by CNAME lets us answer dns-01 for them, and when we do."""

from dataclasses import replace

from firstparty.certs.progress import Challenged
from firstparty.model.certificates import ChallengeMethod, DnsChallenge
from firstparty.model.claims import challenge_targets
from firstparty.model.domains import Domain, Mode, build_optional_records
from firstparty.reconciler.case import Case
from firstparty.reconciler.ports import DnsProbe
from firstparty.reconciler.publication import Service
from firstparty.resolver.pointing import HostPointing


async def ask_alias(case: Case, dns: DnsProbe, service: Service) -> bool:
    """Whether every server of the owner's zone leads both hosts' ``_acme-challenge`` to us."""
    wanted = build_optional_records(case.domain, service.domain)
    if not wanted:
        return False
    found = await dns.ask_pointing([one.name.removesuffix(".") for one in wanted])
    return all(
        _leads_to(host, one.value.removesuffix("."))
        for host, one in zip(found.hosts, wanted, strict=True)
    )


def _leads_to(found: HostPointing, target: str) -> bool:
    return found.is_complete and all(one.cnames[-1:] == (target,) for one in found.heard)


def choose_method(case: Case) -> ChallengeMethod:
    """How the hosts are validated: by DNS in our zones, or where the owner leads it to us.

    After a refusal by one way, the other is tried: the CA may see the owner's zone differently.
    """
    if case.order is not None and case.order.challenges:  # it has begun
        is_dns = isinstance(case.order.challenges[0], DnsChallenge)
        return ChallengeMethod.DNS if is_dns else ChallengeMethod.HTTP
    if case.domain.mode is Mode.DELEGATION:
        return ChallengeMethod.DNS
    seen = case.observation
    is_by_dns = seen.has_alias and seen.ca_refusals % 2 == 0
    return ChallengeMethod.DNS if is_by_dns else ChallengeMethod.HTTP


def lead_to_us(challenged: Challenged, domain: Domain, service_domain: str) -> Challenged:
    """The challenges with the names of ours that the owner's lead to."""
    if domain.mode is not Mode.CNAME:
        return challenged
    targets = dict(zip(domain.hosts, challenge_targets(domain.token, service_domain), strict=True))
    return replace(
        challenged,
        challenges=tuple(
            replace(one, at=targets[one.host]) if isinstance(one, DnsChallenge) else one
            for one in challenged.challenges
        ),
    )
