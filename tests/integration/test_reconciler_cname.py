"""A domain by CNAME with real parts: parent, nameserver, Envoy, and Pebble where it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode
import msgspec
import pytest

from firstparty.config.addresses import Address
from firstparty.config.settings import AuthoritySettings, CertificatesSettings, EdgeSettings
from firstparty.demo.parent import add_cname, serve_parent
from firstparty.demo.parent_zones import build_world
from firstparty.demo.pebble import Pebble, PebblePorts, run_pebble
from firstparty.demo.resolver import serve_resolver
from firstparty.model.claims import cname_targets
from firstparty.model.domains import Domain, Mode, build_records
from firstparty.model.feed import Topic
from firstparty.model.observations import Step
from firstparty.model.status import Intent
from firstparty.store import domains, feed, work
from firstparty.store.engine import Store
from tests.fakes.dns_server import bind_both
from tests.fakes.ports import free_ports
from tests.integration.edge_rig import Edge
from tests.integration.test_reconciler import (
    SERVICE_DOMAIN,
    Installation,
    run_installation,
    run_reconciler,
    running_envoy,
    stop,
)


class World:
    """An installation with the real edge, below the demo's parent zones."""

    def __init__(self, here: Installation, edge: Edge, parent: Address, folder: Path) -> None:
        self.here = here
        self.edge = edge
        self.parent = parent
        self._folder = folder
        settings = here.settings
        self.nameserver = _address(settings.nameserver.check[0])
        here.settings = msgspec.structs.replace(
            settings,
            edge=EdgeSettings(
                probe=settings.edge.probe, http_probe=(f"127.0.0.1:{edge.http_port}",)
            ),
            resolver=msgspec.structs.replace(
                settings.resolver, stub_zones={"shop.test": (str(parent),)}
            ),
        )

    async def point(self, domain: Domain) -> None:
        for record in build_records(domain, SERVICE_DOMAIN):
            await add_cname(self.parent, "shop.test", record.name, record.value)

    def published_tokens(self) -> int:
        with self.here.store.read() as connection:
            changes = feed.read_changes(connection, [Topic.CHALLENGES], after=0)
        assert len(changes) == len(("evs", "api"))  # they have been there
        return sum(entry.body is not None for entry in changes)

    async def rcode_of(self, name: str) -> dns.rcode.Rcode:
        query = dns.message.make_query(name, "A")
        host, port = self.nameserver
        return (await dns.asyncquery.udp(query, host, port=port, timeout=30)).rcode()

    @asynccontextmanager
    async def pebble(self) -> AsyncIterator[None]:
        """Let Pebble issue; it finds the edge as any CA would, by a resolver of its own."""
        udp, tcp = bind_both()
        tcp.close()
        acme, management, tls = free_ports(3)
        pebble = Pebble(
            folder=self._folder / "pebble",
            roots=self._folder / "ca.pem",
            ports=PebblePorts(acme=acme, management=management, http=self.edge.http_port, tls=tls),
            dns_server=Address(*udp.getsockname()),
        )
        authority = AuthoritySettings(
            directory=pebble.directory_url,
            ca_bundle=str(pebble.ca_bundle),
            roots=str(pebble.roots),
        )
        self.here.settings = msgspec.structs.replace(
            self.here.settings,
            certificates=CertificatesSettings(
                authority="pebble", authorities={"pebble": authority}
            ),
        )
        resolving = serve_resolver(
            udp=udp,
            parent=self.parent,
            nameserver=self.nameserver,
            service_domain=SERVICE_DOMAIN,
        )
        task = asyncio.create_task(resolving)
        try:
            async with run_pebble(pebble):
                yield
        finally:
            await stop([task])
            udp.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    edges: list[Edge] = []

    @asynccontextmanager
    async def run_edge(folder: Path, store: Store) -> AsyncIterator[Address]:
        async with running_envoy(folder, store) as edge:
            edges.append(edge)
            yield Address("127.0.0.1", edge.https_port)

    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(run_installation(tmp_path, run_edge))
        udp, tcp = bind_both()
        tcp.listen()
        zones = build_world(SERVICE_DOMAIN, {})
        task = asyncio.create_task(serve_parent(udp=udp, tcp=tcp, zones=zones))
        stack.push_async_callback(stop, [task])
        yield World(here, edges[0], Address(*udp.getsockname()), tmp_path)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return Address(host, int(port))


async def test_it_goes_live_with_the_local_ca_and_its_targets_are_gone_with_it(
    world: World,
) -> None:
    here = world.here
    async with run_reconciler(here):
        domain = here.ask_for(mode=Mode.CNAME)
        target, _ = cname_targets(domain.token, SERVICE_DOMAIN)
        async with asyncio.timeout(60):
            while not (before := here.seen(domain)).findings:
                await asyncio.sleep(0.02)
        await world.point(domain)
        seen = await here.until_live(domain)
        while_live = await world.rcode_of(target)
        with here.store.write() as connection:
            domains.save_intent(connection, domain.id, Intent.REMOVED, drains=False)
            work.wake(connection, domain.id, now=domain.created_at)
        async with asyncio.timeout(30):
            while await world.rcode_of(target) != dns.rcode.NXDOMAIN:
                await asyncio.sleep(0.02)

    assert [finding.code for finding in before.findings] == ["cname-missing"]
    assert set(seen.stopwatch) == set(Step)
    assert while_live == dns.rcode.NOERROR


@pytest.mark.needs("pebble")
async def test_it_goes_live_with_acme_by_http01_through_the_real_edge(world: World) -> None:
    here = world.here
    async with world.pebble(), run_reconciler(here):
        domain = here.ask_for(mode=Mode.CNAME)
        await world.point(domain)
        await here.until_live(domain)
        leaf = here.leaf(domain)

    assert "Pebble" in leaf.issuer.rfc4514_string()
    assert world.published_tokens() == 0
