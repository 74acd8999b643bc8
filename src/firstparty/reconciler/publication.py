"""What the parts in front are told of a domain, derived from what is stored. Pure.

Before the claim is proved nothing is told of the domain: our nameservers refuse its name. Only the
targets of a domain by CNAME are there from the start: names of ours, leading to an edge that does
not know the hosts yet, without which a flattened CNAME could not be told from a missing one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from firstparty.model.certificates import (
    ChallengeMethod,
    DnsChallenge,
    HttpChallenge,
    Order,
    OrderState,
)
from firstparty.model.claims import (
    ClaimState,
    challenge_targets,
    cname_targets,
    nameserver_names,
)
from firstparty.model.default_hosts import build_default_hosts
from firstparty.model.domains import Domain, Mode
from firstparty.model.feed import EdgeCertificate, EdgeDomain, EdgeSource, HostKind, Targets, Zone
from firstparty.model.feed import HttpChallenge as PublishedChallenge
from firstparty.model.hosts import HTTPS_PORT
from firstparty.model.moves import MoveState
from firstparty.model.service_domain import CONSOLE_ID, DEFAULT_HOSTS_ID
from firstparty.model.status import Intent
from firstparty.model.workspaces import Origin, Source, Workspace
from firstparty.reconciler.caa import CaaIssuer, build_caa
from firstparty.reconciler.case import Case

_TOKEN_LIFE: Final = timedelta(days=7)  # as long as CAs let an authorization wait
_KINDS: Final = MappingProxyType({DEFAULT_HOSTS_ID: HostKind.DEFAULT, CONSOLE_ID: HostKind.CONSOLE})
_VALIDATED: Final = frozenset({OrderState.CHALLENGED, OrderState.VALIDATING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The operator's part: the service domain, the addresses of the edge, the upstream CDN.

    ``mirrors_integrations``: device-mode code of self-hosted sources comes from the upstream CDN
    too, as it is found nowhere else. ``https_port`` is the edge's as the public sees it.
    ``issuers`` are the authorities that CAA lets issue; none: there is no CAA.
    """

    domain: str
    edge_addresses: tuple[str, ...]
    cdn_upstream: str = ""
    mirrors_integrations: bool = True
    https_port: int = HTTPS_PORT
    issuers: tuple[CaaIssuer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The entries of a domain; None: it has none. ``challenges`` are by their keys."""

    zone: Zone | None = None
    edge: EdgeDomain | None = None
    targets: Targets | None = None
    challenges: Mapping[str, PublishedChallenge] = field(default_factory=dict)


def build_publication(case: Case, service: Service, *, serial: int) -> Publication:
    """What is to be published; ``serial`` is the zone's if anything in it changed."""
    if case.claim.state is ClaimState.RELEASED:
        return Publication()
    is_proved = case.claim.state is ClaimState.PROVED
    edge = _build_edge(case, service) if is_proved else None
    match case.domain.mode:
        case Mode.DELEGATION:
            zone = _build_zone(case, service, serial) if is_proved else None
            return Publication(zone=zone, edge=edge)
        case Mode.CNAME:
            challenges = _build_challenges(case) if is_proved else {}
            return Publication(
                edge=edge, targets=_build_targets(case, service), challenges=challenges
            )
        case Mode.PROXY:
            return Publication()  # its hosts are not ours to answer for


def challenge_keys(case: Case) -> frozenset[str]:
    """The keys of all http-01 challenges that the case's order has, published or not."""
    return frozenset(map(_challenge_key, _http_challenges(case.order)))


def _http_challenges(order: Order | None) -> tuple[HttpChallenge, ...]:
    challenges = () if order is None else order.challenges
    return tuple(one for one in challenges if isinstance(one, HttpChallenge))


def _challenge_key(challenge: HttpChallenge) -> str:
    return f"{challenge.host}/{challenge.token}"


def _build_challenges(case: Case) -> dict[str, PublishedChallenge]:
    order = case.order
    if order is None or order.state not in _VALIDATED:
        return {}
    return {
        _challenge_key(one): PublishedChallenge(
            host=one.host,
            token=one.token,
            key_authorization=one.key_authorization,
            expires_at=order.changed_at + _TOKEN_LIFE,
        )
        for one in _http_challenges(order)
    }


def _build_targets(case: Case, service: Service) -> Targets:
    return Targets(
        names=cname_targets(case.domain.token, service.domain),
        addresses=service.edge_addresses,
        caa=build_caa(service.issuers, case.accounts, ChallengeMethod.HTTP, ChallengeMethod.DNS),
        challenges=dict.fromkeys(challenge_targets(case.domain.token, service.domain), ())
        | _build_txt(case),
    )


def _build_zone(case: Case, service: Service, serial: int) -> Zone:
    domain = case.domain
    zone = Zone(
        apex=domain.name,
        serial=serial,
        nameservers=nameserver_names(domain.token, service.domain),
        hosts=domain.hosts,
        addresses=service.edge_addresses,
        caa=build_caa(service.issuers, case.accounts, ChallengeMethod.DNS),
        txt=_build_txt(case),
    )
    if case.zone is None:
        return zone
    if replace(zone, serial=case.zone.serial, signed=case.zone.signed) == case.zone:
        return case.zone
    # RFC 1982: it only grows, also within one second or when the clock went back.
    return replace(zone, serial=max(serial, case.zone.serial + 1))


def _build_txt(case: Case) -> dict[str, tuple[str, ...]]:
    if case.order is None or case.order.state not in _VALIDATED:
        return {}
    values: dict[str, tuple[str, ...]] = {}
    for challenge in case.order.challenges:
        if not isinstance(challenge, DnsChallenge):
            continue
        there = values.get(challenge.owner_name, ())
        values[challenge.owner_name] = (*there, challenge.value)
    return values


def _build_edge(case: Case, service: Service) -> EdgeDomain:
    certificate = case.certificate
    return EdgeDomain(
        id=case.domain.id,
        workspace=case.workspace.id,
        name=case.domain.name,
        is_draining=_is_draining(case),
        credential_origins=case.domain.credential_origins,
        cdn_host=case.domain.cdn_host,
        api_host=case.domain.api_host,
        sources=tuple(build_source(case.workspace, source, service) for source in case.sources),
        kind=_KINDS.get(case.domain.id, HostKind.TENANT),
        certificate=None
        if certificate is None
        else EdgeCertificate(
            id=certificate.id,
            chain=certificate.chain,
            sealed_key=certificate.sealed_key,
            not_after=certificate.not_after,
        ),
    )


def _is_draining(case: Case) -> bool:
    """Whether it is worth counting who still asks."""
    if case.move is not None and case.move.old_id == case.domain.id:
        return case.move.state is MoveState.DRAINING
    return case.domain.intent is Intent.REMOVED


def build_source(
    workspace: Workspace, source: Source, service: Service, *, proxy: Domain | None = None
) -> EdgeSource:
    """A source of a workspace as the parts in front know it.

    ``proxy`` is its owner's own, once that has passed.
    """
    defaults = build_default_hosts(
        upstream=source.upstream,
        service_domain=service.domain,
        https_port=service.https_port,
    )
    has_upstream = source.origin is Origin.MIRROR or service.mirrors_integrations
    return EdgeSource(
        id=source.id,
        number=source.number,
        type=source.type,
        write_key=source.write_key,
        alias=f"{workspace.alias}/{source.alias}",
        old_alias=f"{workspace.alias}/{source.old_alias}" if source.old_alias else "",
        upstream=source.upstream,
        settings=source.settings,
        origin=source.origin,
        cdn_upstream=service.cdn_upstream if has_upstream else "",
        privacy=source.privacy,
        messages_per_second=source.messages_per_second,
        region=source.region,
        sealed_secret=source.sealed_secret,
        sealed_old_secret=source.sealed_old_secret,
        share=source.share,
        script_version=source.script_version,
        default_cdn=defaults.cdn_origin,
        default_api=defaults.api_base,
        proxy_cdn=f"https://{proxy.cdn_host}" if proxy else "",
        proxy_api=f"{proxy.api_host}/v1" if proxy else "",
    )
