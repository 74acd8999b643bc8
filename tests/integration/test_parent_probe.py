from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from firstparty.config.addresses import Address
from firstparty.resolver.budget import Budget
from firstparty.resolver.observed import ParentAnswer, ServerAnswer, Trouble
from firstparty.resolver.parent import probe_parent
from tests.fakes.dns_server import DnsServer, Manner, bind_both, by_the_rules, listening

NAME = "cdp.shop.test"
OURS = frozenset({"a-tok.ns.fp.test", "b-tok.ns.fp.test"})
DELEGATED = "cdp 60 NS a-tok.ns.fp.test.\ncdp 60 NS b-tok.ns.fp.test.\n"
PARENT = "@ 60 NS ns1\n@ 60 NS ns2\nns1 60 A 127.0.0.1\nns2 60 A 127.0.0.2\n"


@pytest.fixture
async def world() -> AsyncIterator["World"]:
    async with AsyncExitStack() as stack:
        yield World(stack)


class World:
    """Nameservers on 127.0.0.1, 127.0.0.2 … which all use one port."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        sockets = bind_both()
        self.port: int = sockets[0].getsockname()[1]
        for one in sockets:
            one.close()

    async def add(
        self,
        last: int,
        zones: dict[str, str],
        manner: Manner = by_the_rules,
        *,
        has_tcp: bool = True,
    ) -> DnsServer:
        server = DnsServer(zones, manner)
        host = f"127.0.0.{last}"
        await self._stack.enter_async_context(listening(server, host, self.port, has_tcp=has_tcp))
        return server

    async def probe(
        self,
        *stubs: int,
        zone: str = "shop.test",
        roots: dict[str, tuple[str, ...]] | None = None,
        allow_private: bool = True,
        name: str = NAME,
        budget: Budget | None = None,
    ) -> ParentAnswer:
        addresses = [Address(f"127.0.0.{last}", self.port) for last in stubs]
        return await probe_parent(
            name,
            stub_zones={zone: addresses} if stubs else {},
            allow_private=allow_private,
            roots=roots or {},
            budget=budget,
            port=self.port,
        )


def only(answer: ParentAnswer) -> ServerAnswer:
    (server,) = answer.servers
    return server


async def test_a_delegation_at_every_server_of_a_stub_zone_is_seen(world: World) -> None:
    for last in (1, 2):
        await world.add(last, {"shop.test": PARENT + DELEGATED})
    answer = await world.probe(1, 2)

    assert answer.parent == "shop.test"
    assert len(answer.servers) == 2
    assert answer.delegates_exactly_to(OURS)


async def test_the_parent_is_found_from_the_root_down(world: World) -> None:
    await world.add(3, {".": "test. 60 NS ns.test.\nns.test. 60 A 127.0.0.4\n"})
    await world.add(
        4,
        {
            "test": "shop 60 NS ns1.shop\nshop 60 NS ns2.shop\n"
            "ns1.shop 60 A 127.0.0.1\nns2.shop 60 A 127.0.0.2\n"
        },
    )
    parents = [await world.add(last, {"shop.test": PARENT + DELEGATED}) for last in (1, 2)]
    answer = await world.probe(roots={"root": ("127.0.0.3",)})

    assert answer.parent == "shop.test"
    assert {server.server for server in answer.servers} == {"ns1.shop.test", "ns2.shop.test"}
    assert answer.delegates_exactly_to(OURS)
    assert all("cdp.shop.test. NS tcp" in parent.queries for parent in parents)


async def test_nameservers_without_glue_are_looked_up(world: World) -> None:
    await world.add(
        1,
        {"test": "shop 60 NS ns.deep.host\nhost 60 NS ns.host\nns.host 60 A 127.0.0.2\n"},
    )
    await world.add(2, {"host.test": "ns.deep 60 A 127.0.0.3\n"})
    await world.add(3, {"shop.test": PARENT + DELEGATED})
    answer = await world.probe(1, zone="test")

    assert only(answer).server == "ns.deep.host.test"
    assert only(answer).address == Address("127.0.0.3", world.port)
    assert answer.delegates_exactly_to(OURS)


async def test_servers_that_disagree_are_told_apart(world: World) -> None:
    await world.add(1, {"shop.test": PARENT + DELEGATED})
    await world.add(2, {"shop.test": PARENT})
    answer = await world.probe(1, 2)

    assert [server.nameservers for server in answer.servers] == [OURS, frozenset()]
    assert not answer.delegates_exactly_to(OURS)


async def test_one_of_our_names_missing_or_a_foreign_one_more_is_not_ours(world: World) -> None:
    await world.add(1, {"shop.test": PARENT + "cdp 60 NS a-tok.ns.fp.test.\n"})
    await world.add(2, {"shop.test": PARENT + DELEGATED + "cdp 60 NS ns.elsewhere.test.\n"})
    partly, shared = await world.probe(1), await world.probe(2)

    assert partly.nameservers == {"a-tok.ns.fp.test"}
    assert shared.nameservers == OURS | {"ns.elsewhere.test"}
    assert not partly.delegates_exactly_to(OURS)
    assert not shared.delegates_exactly_to(OURS)


async def test_a_name_that_is_not_there_has_no_nameservers(world: World) -> None:
    await world.add(1, {"shop.test": PARENT})
    answer = await world.probe(1)

    assert only(answer).rcode == "NXDOMAIN"
    assert answer.is_complete
    assert answer.nameservers == frozenset()


async def test_records_that_a_delegation_would_hide_are_named(world: World) -> None:
    await world.add(1, {"shop.test": PARENT + "cdp 60 A 192.0.2.1\ncdp 60 TXT x\n"})
    answer = await world.probe(1)

    assert only(answer).other_types == ("A", "TXT")
    assert not only(answer).has_names_below


@pytest.mark.parametrize(
    ("records", "names"),
    [
        (
            "www.cdp 60 A 192.0.2.1\nx.api.cdp 60 TXT x\n",
            ("www.cdp.shop.test", "api.cdp.shop.test"),
        ),
        ("nobody-guesses-this.cdp 60 A 192.0.2.1\n", ()),
        ("*.cdp 60 A 192.0.2.1\n", ("*.cdp.shop.test",)),
    ],
)
async def test_names_that_a_delegation_would_hide_are_found(
    world: World, records: str, names: tuple[str, ...]
) -> None:
    await world.add(1, {"shop.test": PARENT + records})
    answer = await world.probe(1)

    assert only(answer).has_names_below
    assert only(answer).names_below == names
    assert answer.queries <= 1 + 4 + 7 + 1


async def test_a_name_with_nothing_at_or_below_it_costs_no_further_queries(world: World) -> None:
    await world.add(1, {"shop.test": PARENT + "www 60 A 192.0.2.1\n"})
    answer = await world.probe(1)

    assert not only(answer).has_names_below
    assert answer.queries <= 2


async def test_a_cname_at_the_cut_is_named(world: World) -> None:
    await world.add(1, {"shop.test": PARENT + "cdp 60 CNAME Other.test.\n"})
    answer = await world.probe(1)

    assert only(answer).cname == "other.test"
    assert answer.is_complete


async def test_a_ds_is_seen_in_a_referral(world: World) -> None:
    ds = "cdp 60 DS 1 13 2 " + "00" * 32
    await world.add(1, {"shop.test": PARENT + DELEGATED + ds})
    answer = await world.probe(1)

    assert only(answer).ds
    assert only(answer).nameservers == OURS


async def test_a_server_of_both_zones_is_asked_for_the_ds_above(world: World) -> None:
    ds = "cdp 60 DS 1 13 2 " + "00" * 32
    child = "@ 60 NS a-tok.ns.fp.test.\n@ 60 NS b-tok.ns.fp.test.\n"
    await world.add(1, {"shop.test": PARENT + DELEGATED + ds, NAME: child})
    answer = await world.probe(1)

    assert only(answer).nameservers == OURS
    assert only(answer).ds


async def test_a_zone_in_between_on_the_same_server_is_found(world: World) -> None:
    between = "@ 60 NS ns2.shop.test.\n"
    await world.add(1, {"shop.test": PARENT + "eu 60 NS ns2\n", "eu.shop.test": between})
    await world.add(2, {"eu.shop.test": between + DELEGATED})
    answer = await world.probe(1, name="cdp.eu.shop.test")

    assert answer.parent == "eu.shop.test"
    assert answer.delegates_exactly_to(OURS)


@pytest.mark.parametrize("rcode", [dns.rcode.REFUSED, dns.rcode.SERVFAIL])
async def test_a_lame_server_could_not_be_checked(world: World, rcode: dns.rcode.Rcode) -> None:
    def refuse(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
        del answer
        response = dns.message.make_response(query)
        response.set_rcode(rcode)
        return [response.to_wire()]

    await world.add(1, {"shop.test": PARENT}, refuse)
    answer = await world.probe(1)

    assert only(answer).trouble is Trouble.LAME
    assert only(answer).rcode == dns.rcode.to_text(rcode)
    assert not answer.is_complete


async def test_the_copy_of_a_recursive_server_is_not_believed(world: World) -> None:
    def from_cache(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
        answer.answer, answer.authority = answer.authority, []
        answer.flags &= ~dns.flags.AA
        return by_the_rules(query, answer)

    await world.add(1, {"shop.test": PARENT + DELEGATED}, from_cache)
    answer = await world.probe(1)

    assert only(answer).trouble is Trouble.LAME


def forged_first(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
    """Send answers with a wrong id, a wrong letter case and rubbish; then the true one."""
    true = answer.to_wire()
    forged = dns.message.make_response(query)
    forged.flags |= dns.flags.AA
    name = query.question[0].name
    forged.answer.append(dns.rrset.from_text(name, 60, "IN", "NS", "evil.test."))
    wire = bytearray(forged.to_wire())
    wrong_id = bytes([wire[0] ^ 1]) + bytes(wire[1:])
    wire[13] ^= 0x20
    return [wrong_id, bytes(wire), b"rubbish", true]


async def test_forged_answers_are_not_looked_at(world: World) -> None:
    server = await world.add(1, {"shop.test": PARENT + DELEGATED}, forged_first, has_tcp=False)
    answer = await world.probe(1)

    assert answer.delegates_exactly_to(OURS)
    assert "cdp.shop.test. NS udp" in server.queries


async def test_a_truncated_answer_is_asked_for_again_over_tcp(world: World) -> None:
    def truncate(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
        if server.queries[-1].endswith("tcp"):
            return by_the_rules(query, answer)
        short = dns.message.make_response(query)
        short.flags |= dns.flags.TC
        return [short.to_wire()]

    server = await world.add(1, {"test": "shop 60 NS ns.shop\nns.shop 60 A 127.0.0.2\n"}, truncate)
    await world.add(2, {"shop.test": PARENT + DELEGATED})
    answer = await world.probe(1, zone="test")

    assert server.queries == ["shop.test. NS udp", "shop.test. NS tcp"]
    assert answer.delegates_exactly_to(OURS)


async def test_a_server_that_never_answers_is_a_timeout_within_the_budget(world: World) -> None:
    await world.add(1, {"shop.test": PARENT}, lambda _query, _answer: [])
    await world.add(2, {"shop.test": PARENT + DELEGATED})
    answer = await world.probe(1, 2, budget=Budget(time=timedelta(seconds=0.5)))

    assert [server.trouble for server in answer.servers] == [Trouble.TIMEOUT, None]
    assert not answer.delegates_exactly_to(OURS)


async def test_a_closed_port_is_unreachable(world: World) -> None:
    answer = await world.probe(9)

    assert only(answer).trouble is Trouble.UNREACHABLE


async def test_nameservers_that_need_each_other_end_the_walk(world: World) -> None:
    await world.add(1, {"test": "shop 60 NS ns.host\nhost 60 NS ns.shop\n"})
    answer = await world.probe(1, zone="test", name="a.b.cdp.shop.test")

    assert answer.parent is None
    assert answer.trouble is Trouble.NO_ADDRESS


async def test_a_zone_that_refers_to_itself_is_lame(world: World) -> None:
    def to_itself(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
        del answer
        response = dns.message.make_response(query)
        response.authority.append(
            dns.rrset.from_text("shop.test.", 60, "IN", "NS", "ns.shop.test.")
        )
        return [response.to_wire()]

    server = await world.add(1, {"shop.test": PARENT}, to_itself)
    answer = await world.probe(1, name="a.b.c.d.shop.test")

    assert answer.trouble is Trouble.LAME
    assert len(server.queries) == 1


async def test_more_queries_than_the_budget_are_not_sent(world: World) -> None:
    servers = [await world.add(last, {"shop.test": PARENT + DELEGATED}) for last in range(1, 6)]
    answer = await world.probe(1, 2, 3, 4, 5, budget=Budget(queries=3))

    assert sum(len(server.queries) for server in servers) == answer.queries == 3
    assert [server.trouble for server in answer.servers].count(Trouble.BUDGET) == 2


async def test_nothing_is_sent_to_a_private_address_that_the_operator_did_not_name(
    world: World,
) -> None:
    await world.add(1, {"test": "shop 60 NS ns.shop\nns.shop 60 A 127.0.0.2\n"})
    private = await world.add(2, {"shop.test": PARENT + DELEGATED})
    answer = await world.probe(1, zone="test", allow_private=False)

    assert only(answer).trouble is Trouble.NOT_PUBLIC
    assert private.queries == []


async def test_a_server_name_without_an_address_is_told(world: World) -> None:
    await world.add(1, {"test": "shop 60 NS ns.shop\nshop 60 NS gone\nns.shop 60 A 127.0.0.2\n"})
    await world.add(2, {"shop.test": PARENT + DELEGATED})
    answer = await world.probe(1, zone="test")

    assert {server.server: server.trouble for server in answer.servers} == {
        "gone.test": Trouble.NO_ADDRESS,
        "ns.shop.test": None,
    }
    assert not answer.is_complete
