"""What the parts in front are told of a domain, derived from what is stored. Pure.

Before the claim is proved nothing is told: our nameservers refuse the name.
"""

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from firstparty.model.certificates import OrderState
from firstparty.model.claims import ClaimState, nameserver_names
from firstparty.model.feed import EdgeCertificate, EdgeDomain, EdgeSource, Zone
from firstparty.model.status import Intent
from firstparty.model.workspaces import Origin, Source
from firstparty.reconciler.case import Case

_VALIDATED: Final = frozenset({OrderState.CHALLENGED, OrderState.VALIDATING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The operator's part: the service domain, the addresses of the edge, the upstream CDN.

    ``mirrors_integrations``: device-mode code of self-hosted sources comes from the upstream CDN
    too, as it is found nowhere else.
    """

    domain: str
    edge_addresses: tuple[str, ...]
    cdn_upstream: str = ""
    mirrors_integrations: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """Both entries of a domain; None: it has none."""

    zone: Zone | None = None
    edge: EdgeDomain | None = None


def build_publication(case: Case, service: Service, *, serial: int) -> Publication:
    """What is to be published; ``serial`` is the zone's if anything in it changed."""
    if case.claim.state is not ClaimState.PROVED or case.domain.intent is Intent.REMOVED:
        return Publication()
    return Publication(zone=_build_zone(case, service, serial), edge=_build_edge(case, service))


def _build_zone(case: Case, service: Service, serial: int) -> Zone:
    domain = case.domain
    zone = Zone(
        apex=domain.name,
        serial=serial,
        nameservers=nameserver_names(domain.token, service.domain),
        hosts=domain.hosts,
        addresses=service.edge_addresses,
        txt=_build_txt(case),
    )
    if case.zone is None:
        return zone
    if replace(zone, serial=case.zone.serial) == case.zone:
        return case.zone
    # RFC 1982: it only grows, also within one second or when the clock went back.
    return replace(zone, serial=max(serial, case.zone.serial + 1))


def _build_txt(case: Case) -> dict[str, tuple[str, ...]]:
    if case.order is None or case.order.state not in _VALIDATED:
        return {}
    values: dict[str, tuple[str, ...]] = {}
    for challenge in case.order.challenges:
        there = values.get(challenge.owner_name, ())
        values[challenge.owner_name] = (*there, challenge.value)
    return values


def _build_edge(case: Case, service: Service) -> EdgeDomain:
    certificate = case.certificate
    return EdgeDomain(
        id=case.domain.id,
        workspace=case.workspace.id,
        name=case.domain.name,
        cdn_host=case.domain.cdn_host,
        api_host=case.domain.api_host,
        sources=tuple(_build_source(case, source, service) for source in case.sources),
        certificate=None
        if certificate is None
        else EdgeCertificate(
            id=certificate.id,
            chain=certificate.chain,
            sealed_key=certificate.sealed_key,
            not_after=certificate.not_after,
        ),
    )


def _build_source(case: Case, source: Source, service: Service) -> EdgeSource:
    has_upstream = source.origin is Origin.MIRROR or service.mirrors_integrations
    return EdgeSource(
        id=source.id,
        number=source.number,
        type=source.type,
        write_key=source.write_key,
        alias=f"{case.workspace.alias}/{source.alias}",
        upstream=source.upstream,
        settings=source.settings,
        origin=source.origin,
        cdn_upstream=service.cdn_upstream if has_upstream else "",
    )
