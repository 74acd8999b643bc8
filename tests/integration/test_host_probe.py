"""What hosts point at, asked of real nameservers on loopback addresses."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import dns.flags
import dns.message
import dns.rrset
import pytest

from firstparty.config.addresses import Address
from firstparty.resolver.budget import Budget
from firstparty.resolver.observed import Trouble
from firstparty.resolver.pointing import HostPointing, PointingAnswer, probe_hosts
from tests.fakes.dns_server import DnsServer, Manner, by_the_rules, listening

HOSTS = ("evs.cdp.shop.test", "api.cdp.shop.test")
TARGETS = ("c-tok.edge.fp.test", "e-tok.edge.fp.test")
POINTED = "evs.cdp 60 CNAME c-tok.edge.fp.test.\napi.cdp 60 CNAME e-tok.edge.fp.test.\n"


class World:
    """Servers of shop.test at addresses and ports that the probe is told."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._stubs: list[Address] = []

    async def add(self, zone: str, manner: Manner = by_the_rules) -> DnsServer:
        server = DnsServer({"shop.test": zone}, manner)
        self._stubs.append(await self._stack.enter_async_context(listening(server)))
        return server

    async def probe(self, *, budget: Budget | None = None) -> PointingAnswer:
        stubs = {"shop.test": self._stubs}
        return await probe_hosts(HOSTS, stub_zones=stubs, allow_private=True, budget=budget)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(stack)


def cnames(host: HostPointing) -> list[tuple[str, ...]]:
    return [answer.cnames for answer in host.heard]


async def test_the_cname_of_each_host_is_asked_at_every_server(world: World) -> None:
    servers = [await world.add(POINTED), await world.add(POINTED)]
    answer = await world.probe()

    assert [host.zone for host in answer.hosts] == ["shop.test", "shop.test"]
    for host, target in zip(answer.hosts, TARGETS, strict=True):
        assert host.is_complete
        assert cnames(host) == [(target,), (target,)]
    for server in servers:
        assert {"evs.cdp.shop.test. A tcp", "api.cdp.shop.test. A tcp"} <= set(server.queries)


async def test_servers_that_differ_are_told_apart(world: World) -> None:
    await world.add(POINTED)
    await world.add("evs.cdp 60 A 192.0.2.7\n")
    cdn, api = (await world.probe()).hosts

    assert cnames(cdn) == [(TARGETS[0],), ()]
    assert cdn.heard[1].addresses == ("192.0.2.7",)
    assert cnames(api) == [(TARGETS[1],), ()]
    assert api.heard[1].addresses == ()


async def test_an_ipv6_address_alone_is_seen(world: World) -> None:
    await world.add("evs.cdp 60 AAAA 2001:db8::7\n")
    cdn, _ = (await world.probe()).hosts

    assert cdn.heard[0].addresses == ("2001:db8::7",)


async def test_cnames_are_followed_inside_the_zone_and_not_beyond(world: World) -> None:
    def with_all_cnames(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
        for owner, target in (
            ("cdn.shop.test.", "elsewhere.test."),
            ("elsewhere.test.", "x.test."),
        ):
            answer.answer.append(dns.rrset.from_text(owner, 60, "IN", "CNAME", target))
        return by_the_rules(query, answer)

    await world.add("evs.cdp 60 CNAME cdn\ncdn 60 CNAME elsewhere.test.\n", with_all_cnames)
    cdn, _ = (await world.probe()).hosts

    assert cnames(cdn) == [("cdn.shop.test", "elsewhere.test")]


async def test_cnames_in_a_ring_end_after_eight(world: World) -> None:
    await world.add("evs.cdp 60 CNAME evs.cdp\n")
    cdn, _ = (await world.probe()).hosts

    assert cnames(cdn) == [("evs.cdp.shop.test",) * 8]


async def test_a_caches_answer_is_nobodys_word(world: World) -> None:
    def from_a_cache(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
        if query.question[0].name.to_text().lower().startswith("evs."):
            answer.flags &= ~dns.flags.AA
        return by_the_rules(query, answer)

    await world.add(POINTED, from_a_cache)
    cdn, api = (await world.probe()).hosts

    assert [one.trouble for one in cdn.servers] == [Trouble.LAME]
    assert not cdn.is_complete
    assert api.is_complete


async def test_both_hosts_share_one_budget(world: World) -> None:
    server = await world.add("@ 60 NS ns\n")
    answer = await world.probe(budget=Budget(queries=2))

    assert len(server.queries) == answer.queries == 2
    assert answer.hosts[1].servers[0].trouble is Trouble.BUDGET
