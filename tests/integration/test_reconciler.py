"""The reconciler with real parts around it: parent, nameserver, TLS, and Pebble where it is."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509

from firstparty.config.addresses import Address
from firstparty.config.settings import (
    AuthoritySettings,
    CertificatesSettings,
    EdgeSettings,
    NameserverSettings,
    ResolverSettings,
    ServiceSettings,
    Settings,
)
from firstparty.demo.pebble import Pebble, PebblePorts, run_pebble
from firstparty.events.traffic import SpoolTraffic
from firstparty.model.domains import Domain, build_records
from firstparty.model.feed import Topic
from firstparty.model.observations import Observation, Step
from firstparty.model.status import CertificateStatus, ProbeStatus
from firstparty.nameserver.server import serve_nameserver
from firstparty.reconciler.serve import serve_reconciler
from firstparty.store import certificates, domains, tables, work, workspaces
from firstparty.store.engine import Store
from firstparty.store.follow import follow_feed
from firstparty.store.reader import open_feed
from firstparty.store.sealing import Sealer
from tests.builders import a_domain, a_source, a_workspace
from tests.fakes.dns_server import DnsServer, bind_both, listening
from tests.fakes.ports import free_ports
from tests.fakes.tls_edge import TlsEdge, run_back_end, run_tls_edge
from tests.integration.edge_rig import Edge

EDGE_SEALER, CONTROL_SEALER = Sealer(b"e" * 32), Sealer(b"c" * 32)
SERVICE_DOMAIN = "fp.test"
RunEdge = Callable[[Path, Store], AbstractAsyncContextManager[Address]]


@dataclass
class Installation:
    store: Store
    settings: Settings
    parent: DnsServer

    def ask_for(self, **parts: Any) -> Domain:
        domain = a_domain(created_at=datetime.now(UTC), **parts)
        with self.store.write() as connection:
            workspaces.add_workspace(connection, a_workspace())
            workspaces.add_source(connection, a_source())
            domains.add_domain(connection, domain)
            work.start_work(connection, domain.id, now=domain.created_at)
        return domain

    def delegate(self, domain: Domain) -> None:
        records = build_records(domain, SERVICE_DOMAIN)
        lines = [f"{record.name} 60 NS {record.value}" for record in records]
        self.parent.load("shop.test", "@ 60 NS ns.shop.test.\n" + "\n".join(lines) + "\n")

    def seen(self, domain: Domain) -> Observation:
        with self.store.read() as connection:
            return work.load_observation(connection, domain.id)

    async def until_live(self, domain: Domain) -> Observation:
        async with asyncio.timeout(60):
            while self.seen(domain).statuses.probe is not ProbeStatus.PASSED:
                await asyncio.sleep(0.02)
        return self.seen(domain)

    def leaf(self, domain: Domain) -> x509.Certificate:
        with self.store.read() as connection:
            newest = certificates.load_newest_certificate(connection, domain.id)
        assert newest is not None
        return x509.load_pem_x509_certificate(newest.chain.encode())


def settings_for(folder: Path, *, dns: Address, edge: Address, parent: Address) -> Settings:
    return Settings(
        state=str(folder),
        service=ServiceSettings(domain=SERVICE_DOMAIN),
        nameserver=NameserverSettings(check=(str(dns),)),
        edge=EdgeSettings(probe=(str(edge),)),
        resolver=ResolverSettings(stub_zones={"shop.test": (str(parent),)}, allow_private=True),
    )


@asynccontextmanager
async def run_installation(folder: Path, run_edge: RunEdge) -> AsyncIterator[Installation]:
    """All but the reconciler."""
    store = Store(f"sqlite:///{folder / 'store.db'}")
    tables.metadata.create_all(store.engine)
    parent = DnsServer({"shop.test": "@ 60 NS ns.shop.test.\n"})
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        parent_address = await stack.enter_async_context(listening(parent))
        edge_address = await stack.enter_async_context(run_edge(folder, store))
        udp, tcp = bind_both()
        stack.callback(udp.close)
        stack.callback(tcp.close)
        tasks = [
            asyncio.create_task(
                serve_nameserver(
                    udp=[udp],
                    tcp=[tcp],
                    feed=open_feed(str(store.engine.url)),
                    snapshot=folder / "nameserver.feed",
                    service_domain=SERVICE_DOMAIN,
                    settings=NameserverSettings(addresses=("127.0.0.1",)),
                )
            ),
        ]
        stack.push_async_callback(stop, tasks)
        dns = Address(*udp.getsockname())
        settings = settings_for(folder, dns=dns, edge=edge_address, parent=parent_address)
        yield Installation(store=store, settings=settings, parent=parent)


async def stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def small_edge(folder: Path, store: Store) -> AsyncIterator[Address]:
    """A TLS server of the tests, which follows the feed."""
    edge = TlsEdge(folder, EDGE_SEALER)
    async with run_tls_edge(edge) as address:
        following = follow_feed(
            open_feed(str(store.engine.url)), [Topic.EDGE], folder / "edge.feed", edge.apply
        )
        task = asyncio.create_task(following)
        try:
            yield address
        finally:
            await stop([task])


@asynccontextmanager
async def envoy_edge(folder: Path, store: Store) -> AsyncIterator[Address]:
    """The real edge, where it takes HTTPS."""
    async with running_envoy(folder, store) as rig:
        yield Address("127.0.0.1", rig.https_port)


@asynccontextmanager
async def running_envoy(folder: Path, store: Store) -> AsyncIterator[Edge]:
    """The real edge, Envoy and its discovery server, before back ends of the tests."""
    with tempfile.TemporaryDirectory() as short:  # a Unix socket's path has 108 octets
        rig = Edge(Path(short), "127.0.0.1")
        rig.store.close()
        rig.store, rig.sealer = store, EDGE_SEALER
        back_end = TlsEdge(folder, EDGE_SEALER)
        following = follow_feed(
            open_feed(str(store.engine.url)), [Topic.EDGE], folder / "back-end.feed", back_end.apply
        )
        task = asyncio.create_task(following)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(stop, [task])
            for path in (rig.layout.cdn_socket, *rig.layout.ingest_sockets):
                await stack.enter_async_context(run_back_end(back_end, path))
            stack.callback(rig.acme.close)
            rig.start_ads()
            stack.push_async_callback(rig.stop_ads)
            stack.push_async_callback(rig.stop_envoy)
            await rig.start_envoy()
            yield rig


EDGES = pytest.mark.parametrize("run_edge", [small_edge, envoy_edge])


@asynccontextmanager
async def run_reconciler(here: Installation) -> AsyncIterator[None]:
    task = asyncio.create_task(
        serve_reconciler(
            store=here.store,
            settings=here.settings,
            control_sealer=CONTROL_SEALER,
            edge_sealer=EDGE_SEALER,
            traffic=SpoolTraffic(here.settings.spool.log_url),
        )
    )
    try:
        yield
    finally:
        await stop([task])


@EDGES
async def test_a_domain_goes_live_with_the_local_ca_after_its_records_are_added(
    run_edge: RunEdge, tmp_path: Path
) -> None:
    async with run_installation(tmp_path, run_edge) as here, run_reconciler(here):
        domain = here.ask_for()
        async with asyncio.timeout(60):
            while not (before := here.seen(domain)).findings:
                await asyncio.sleep(0.02)
        here.delegate(domain)
        seen = await here.until_live(domain)
        leaf = here.leaf(domain)
    root = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())

    assert [finding.code for finding in before.findings] == ["not-delegated"]
    leaf.verify_directly_issued_by(root)
    assert set(seen.stopwatch) == set(Step)
    assert (tmp_path / "keys" / "local-ca.sealed").stat().st_mode & 0o777 == 0o600


@pytest.mark.needs("pebble")
async def test_a_domain_goes_live_with_acme_by_dns01_through_our_own_nameserver(
    tmp_path: Path,
) -> None:
    async with run_installation(tmp_path, small_edge) as here:
        acme, management, http, tls = free_ports(4)
        (dns_server,) = here.settings.nameserver.check
        host, _, port = dns_server.rpartition(":")
        pebble = Pebble(
            folder=tmp_path / "pebble",
            roots=tmp_path / "ca.pem",
            ports=PebblePorts(acme=acme, management=management, http=http, tls=tls),
            dns_server=Address(host, int(port)),
        )
        authority = AuthoritySettings(
            directory=pebble.directory_url,
            ca_bundle=str(pebble.ca_bundle),
            roots=str(pebble.roots),
        )
        here.settings = msgspec.structs.replace(
            here.settings,
            certificates=CertificatesSettings(
                authority="pebble", authorities={"pebble": authority}
            ),
        )
        async with run_pebble(pebble), run_reconciler(here):
            domain = here.ask_for()
            here.delegate(domain)
            seen = await here.until_live(domain)
            leaf = here.leaf(domain)
            with here.store.read() as connection:
                account = certificates.load_account(connection, "pebble")

    assert seen.statuses.certificate is CertificateStatus.VALID
    assert "Pebble" in leaf.issuer.rfc4514_string()
    assert account is not None
    assert account.url.startswith("https://")
    assert b"PRIVATE KEY" not in account.sealed_key
