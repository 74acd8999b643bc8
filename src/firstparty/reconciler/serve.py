"""The reconciler's role: one coroutine that drives domains until it is cancelled."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firstparty.config.addresses import parse_address
from firstparty.config.settings import LOCAL, Settings
from firstparty.counts import Counts
from firstparty.reconciler.authorities import build_chosen, build_issuers
from firstparty.reconciler.challenge_probe import OwnChallenges
from firstparty.reconciler.drain import DrainLimits
from firstparty.reconciler.edge_probe import HttpsEdgeProbe
from firstparty.reconciler.local_root import local_root_file
from firstparty.reconciler.loop import Loop
from firstparty.reconciler.ports import Ports, TrafficProbe
from firstparty.reconciler.proxy_probe import PublicProxies
from firstparty.reconciler.public_dns import build_public_dns
from firstparty.reconciler.publication import Service
from firstparty.reconciler.reconcile import Reconciler
from firstparty.reconciler.signing import Signing
from firstparty.reconciler.source_feed import publish_sources
from firstparty.reconciler.trust import Trust
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def build_ports(
    settings: Settings, store: Store, control_sealer: Sealer, traffic: TrafficProbe
) -> Ports:
    """The real ports. With the local CA, its root is made if need be and ``ca.pem`` written."""
    dns = build_public_dns(settings)
    addresses = tuple(parse_address(text, key="edge.probe") for text in settings.edge.probe)
    edges = tuple(parse_address(text, key="edge.http_probe") for text in settings.edge.http_probe)
    authorities = build_chosen(settings, store, control_sealer)
    return Ports(
        dns=dns,
        challenges=OwnChallenges(dns, edges),
        authorities=authorities,
        edge=HttpsEdgeProbe(addresses, build_trust(settings)),
        traffic=traffic,
        proxies=PublicProxies(utc_now),
        close=authorities.close,
    )


def build_trust(settings: Settings) -> Trust:
    """Which roots certificates at our own edge are verified with."""
    return Trust(_roots(settings))


def build_service(settings: Settings) -> Service:
    """What of the settings goes into what is published."""
    return Service(
        domain=settings.service.domain,
        edge_addresses=settings.edge.addresses,
        cdn_upstream=settings.cdn.upstream,
        mirrors_integrations=settings.cdn.mirror_integrations,
        https_port=parse_address(settings.edge.https, key="edge.https").port,
        issuers=build_issuers(settings),
    )


def _roots(settings: Settings) -> tuple[Path, ...]:
    """Files of roots to trust besides the system's."""
    certificates = settings.certificates
    named = [certificates.authorities[one].roots for one in certificates.in_order if one != LOCAL]
    local = (local_root_file(settings),) if LOCAL in certificates.in_order else ()
    return (*local, *(Path(roots) for roots in named if roots))


async def serve_reconciler(  # noqa: PLR0913 - each is something that it stands on
    *,
    store: Store,
    settings: Settings,
    control_sealer: Sealer,
    edge_sealer: Sealer,
    traffic: TrafficProbe,
    ports: Ports | None = None,
    clock: Callable[[], datetime] = utc_now,
    counts: Counts | None = None,
) -> None:
    """Drive due domains until cancelled. Several may run on one store, on several machines.

    ``counts`` are kept meanwhile.
    """
    ports = ports or build_ports(settings, store, control_sealer, traffic)
    service = build_service(settings)
    reconciler = Reconciler(
        store=store,
        ports=ports,
        service=service,
        edge_sealer=edge_sealer,
        signing=Signing(control_sealer, settings.service.domain),
        clock=clock,
        limits=DrainLimits(
            quiet=timedelta(seconds=settings.domains.drain_quiet_seconds),
            longest=timedelta(days=settings.domains.drain_days),
            moved_quiet=timedelta(seconds=settings.domains.moved_quiet_seconds),
        ),
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(publish_sources(store, service))
            tasks.create_task(Loop(reconciler, counts).run())
    finally:
        ports.close()
