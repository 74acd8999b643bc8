"""What each role needs to run: the only place that knows which adapter is in use.

A role's modules are imported when it starts, so that a process loads its own roles and no others.
"""

import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from firstparty.config.addresses import parse_address, parse_networks
from firstparty.config.settings import Settings
from firstparty.counts import Counts
from firstparty.serve.directories import find_npm_packages
from firstparty.serve.metrics.child import Collect
from firstparty.serve.metrics.counts import collect_counts
from firstparty.serve.metrics.process import EventCounter, collect_process
from firstparty.serve.metrics.text import Sample
from firstparty.serve.own_server import describe_own_server
from firstparty.serve.processes import Role
from firstparty.store.reader import FeedReader, open_feed

if TYPE_CHECKING:  # most roles never load it
    from firstparty.ingest.figures import Figures
    from firstparty.spool.room import RoomNow
    from firstparty.store.engine import Store
    from firstparty.store.sealing import Sealer


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a process has when its roles start."""

    settings: Settings
    sockets: Mapping[str, socket.socket]

    @cached_property
    def store(self) -> "Store":
        """The control database."""
        from firstparty.store.engine import Store

        return Store(self.settings.store_url)

    @cached_property
    def counts(self) -> Counts:
        """What the roles of this process count of themselves."""
        return Counts()

    @cached_property
    def ingest_figures(self) -> "Figures":
        """What the ingest role of this process tells of itself."""
        from firstparty.ingest.figures import Figures

        return Figures()

    @cached_property
    def room(self) -> "RoomNow":
        """What the forwarder of this process measures."""
        from firstparty.spool.room import RoomNow

        return RoomNow()

    def open_feed(self) -> FeedReader:
        """What the control plane publishes to the parts in front."""
        return open_feed(self.settings.store_url)

    @property
    def log_url(self) -> str:
        """Where the durable log is."""
        return self.settings.spool.log_url

    @property
    def https_port(self) -> int:
        """The edge's port as visitors see it."""
        return parse_address(self.settings.edge.https, key="edge.https").port

    def snapshot(self, name: str) -> Path:
        """This role's own copy of the feed."""
        return self.settings.state_directory / "snapshots" / f"{name}.feed"

    def edge_sealer(self) -> "Sealer":
        """Opens certificate keys and secrets of webhooks; edges have it."""
        from firstparty.store.sealing import load_sealer

        return load_sealer(self.settings.state_directory / "keys" / "edge.key")

    def control_sealer(self) -> "Sealer":
        """Opens account and CA keys; never on an edge."""
        from firstparty.store.sealing import load_sealer

        return load_sealer(self.settings.state_directory / "keys" / "control.key")


async def _ads(here: Surroundings) -> None:
    from firstparty.edge.ads import serve_ads

    await serve_ads(
        ads_socket=here.settings.run_directory / "ads.sock",
        http_listener=here.sockets["acme"],
        feed=here.open_feed(),
        snapshot=here.snapshot("ads"),
        sealer=here.edge_sealer(),
        https_port=here.https_port,
        cdn_socket=here.settings.run_directory / "cdn.sock",
        counts=here.counts,
    )


async def _ingest(here: Surroundings) -> None:
    from firstparty.ingest.rates import Rates
    from firstparty.ingest.serve import serve_ingest
    from firstparty.ingest.visitors import Visitors

    settings = here.settings
    (name,) = (name for name in here.sockets if name.startswith("ingest-"))
    await serve_ingest(
        listener=here.sockets[name],
        feed=here.open_feed(),
        snapshot=here.snapshot(name),
        log_url=here.log_url,
        log_max_bytes=settings.spool.max_bytes,
        rates=Rates(
            workspace_rate=settings.ingest.workspace_messages_per_second,
            processes=settings.ingest_processes,
        ),
        own_server=None if settings.spool.url else describe_own_server(settings),
        figures=here.ingest_figures,
        visitors=Visitors(
            parse_networks(settings.edge.trusted_proxies, key="edge.trusted_proxies")
        ),
        counts=here.counts,
    )


async def _cdn(here: Surroundings) -> None:
    from firstparty.cdn.app import serve_cdn

    await serve_cdn(
        listener=here.sockets["cdn"],
        feed=here.open_feed(),
        snapshot=here.snapshot("cdn"),
        packages=find_npm_packages(here.settings),
        state=here.settings.state_directory / "cdn",
        counts=here.counts,
        https_port=here.https_port,
        log_url=here.log_url,
    )


async def _forward(here: Surroundings) -> None:
    from firstparty.forward.forwarder import Limits, serve_forward
    from firstparty.forward.kinds import Places

    days = here.settings.forward.expire_after_days
    await serve_forward(
        feed=here.open_feed(),
        snapshot=here.snapshot("forward"),
        counts=here.counts,
        log_url=here.log_url,
        limits=Limits(
            outcomes_bytes=here.settings.spool.max_bytes,
            log_bytes=here.settings.spool.max_bytes,
            keep=timedelta(hours=here.settings.spool.keep_hours),
            expire_after=timedelta(days=days) if days else None,
            places=Places(
                regions=here.settings.forward.upstreams,
                files=Path(here.settings.forward.files) if here.settings.forward.files else None,
                allow_private=here.settings.forward.allow_private,
                sealer=here.edge_sealer(),
            ),
        ),
        own_server=None if here.settings.spool.url else describe_own_server(here.settings),
        room=here.room,
    )


async def _nameserver(here: Surroundings) -> None:
    from firstparty.nameserver.server import serve_nameserver

    await serve_nameserver(
        udp=[here.sockets["nameserver-udp"]],
        tcp=[here.sockets["nameserver-tcp"]],
        feed=here.open_feed(),
        snapshot=here.snapshot("nameserver"),
        service_domain=here.settings.service.domain,
        settings=here.settings.nameserver,
        counts=here.counts,
    )


async def _control(here: Surroundings) -> None:
    from firstparty.serve.web import serve_control

    await serve_control(
        listener=here.sockets["control"],
        behind_edge=here.sockets["console"],
        store=here.store,
        settings=here.settings,
        sealer=here.control_sealer(),
        counts=here.counts,
    )


async def _reconciler(here: Surroundings) -> None:
    from firstparty.events.traffic import SpoolTraffic
    from firstparty.reconciler.serve import serve_reconciler

    await serve_reconciler(
        store=here.store,
        settings=here.settings,
        control_sealer=here.control_sealer(),
        edge_sealer=here.edge_sealer(),
        traffic=SpoolTraffic(here.log_url),
        counts=here.counts,
    )


async def _alerts(here: Surroundings) -> None:
    from firstparty.alerts.send import Sender
    from firstparty.alerts.serve import serve_alerts
    from firstparty.outbound.http import SafeClient

    sender = Sender(smtp=here.settings.alerts.smtp, client=lambda: SafeClient(allow_private=False))
    await serve_alerts(
        store=here.store, sealer=here.control_sealer(), sender=sender, counts=here.counts
    )


STARTERS: Final[Mapping[Role, Callable[[Surroundings], Coroutine[None, None, None]]]] = (
    MappingProxyType(
        {
            Role.ADS: _ads,
            Role.INGEST: _ingest,
            Role.CDN: _cdn,
            Role.FORWARD: _forward,
            Role.NAMESERVER: _nameserver,
            Role.CONTROL: _control,
            Role.RECONCILER: _reconciler,
            Role.ALERTS: _alerts,
        }
    )
)


def list_collectors(
    here: Surroundings, roles: Sequence[Role], events: EventCounter
) -> list[Collect]:
    """What a process of these roles tells of itself, for Prometheus."""

    async def collect() -> list[Sample]:
        counted = collect_counts(here.counts, roles)
        return [*collect_process(), *events.collect(), *counted]

    collectors: list[Collect] = [collect]
    if Role.INGEST in roles:
        from firstparty.serve.metrics.ingest import collect_ingest

        async def collect_requests() -> list[Sample]:
            return list(collect_ingest(here.ingest_figures))

        collectors.append(collect_requests)
    if Role.CDN in roles:
        from firstparty.serve.metrics.cdn import collect_cdn

        async def collect_library() -> list[Sample]:
            state = here.settings.state_directory / "cdn"
            return list(collect_cdn(state))

        collectors.append(collect_library)
    if Role.FORWARD in roles:
        from firstparty.serve.metrics.forward import collect_forward

        async def collect_room() -> list[Sample]:
            return list(collect_forward(here.room))

        collectors.append(collect_room)
    if Role.CONTROL in roles:
        from firstparty.serve.metrics.control import collect_control

        async def collect_all() -> list[Sample]:
            return await collect_control(here.store, here.settings)

        collectors.append(collect_all)
    return collectors
