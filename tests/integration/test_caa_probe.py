"""The climb of RFC 8659 over real nameservers on loopback."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from firstparty.config.addresses import Address
from firstparty.model.feed import CaaRecord
from firstparty.resolver.budget import Budget
from firstparty.resolver.caa import CaaFound, probe_caa
from firstparty.resolver.observed import Trouble
from firstparty.zones.contents import RecordType, build_target_owner
from tests.fakes.dns_server import DnsServer, Manner, by_the_rules, listening

HOST = "evs.cdp.shop.test"


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def climb(
    stack: AsyncExitStack,
    zones: dict[str, str],
    manner: Manner = by_the_rules,
    budget: Budget | None = None,
) -> CaaFound:
    server = DnsServer(zones, manner)
    address: Address = await stack.enter_async_context(listening(server))
    stubs = {zone: [address] for zone in zones}
    (found,) = await probe_caa([HOST], stub_zones=stubs, allow_private=True, budget=budget)
    return found


async def test_the_closest_set_counts(stack: AsyncExitStack) -> None:
    zone = 'cdp 60 CAA 0 issue "near.test"\n@ 60 CAA 0 issue "far.test"\n'
    found = await climb(stack, {"shop.test": zone})

    assert found.at == "cdp.shop.test"
    assert [one.value for one in found.records] == ["near.test"]


async def test_the_set_at_the_apex_is_reached(stack: AsyncExitStack) -> None:
    zone = f'{HOST}. 60 A 127.0.0.1\n@ 60 CAA 0 issue "far.test"\n@ 60 CAA 0 iodef "mailto:a@b"\n'
    found = await climb(stack, {"shop.test": zone})

    assert found.at == "shop.test"
    assert sorted(one.tag for one in found.records) == ["iodef", "issue"]


async def test_where_a_cname_leads_counts_before_what_is_above(stack: AsyncExitStack) -> None:
    zones = {
        "shop.test": f'{HOST}. 60 CNAME c-tok.edge.fp.test.\n@ 60 CAA 0 issue "far.test"\n',
        "fp.test": 'c-tok.edge 60 A 127.0.0.1\nc-tok.edge 60 CAA 0 issue "ours.test"\n',
    }
    found = await climb(stack, zones)

    assert found.at == HOST
    assert [one.value for one in found.records] == ["ours.test"]


async def test_a_target_without_a_set_leaves_it_to_what_is_above_the_host(
    stack: AsyncExitStack,
) -> None:
    zones = {
        "shop.test": f'{HOST}. 60 CNAME c-tok.edge.fp.test.\n@ 60 CAA 0 issue "far.test"\n',
        "fp.test": 'c-tok.edge 60 A 127.0.0.1\n@ 60 CAA 0 issue "of-the-operator.test"\n',
    }
    found = await climb(stack, zones)

    assert found.at == "shop.test"
    assert [one.value for one in found.records] == ["far.test"]


async def test_a_ring_of_cnames_is_what_resolvers_make_of_it(stack: AsyncExitStack) -> None:
    zone = f"{HOST}. 60 CNAME ring.shop.test.\nring 60 CNAME {HOST}.\n"
    found = await climb(stack, {"shop.test": zone})

    assert found.trouble is Trouble.LAME


async def test_a_server_that_fails_on_caa_is_trouble_and_not_an_empty_set(
    stack: AsyncExitStack,
) -> None:
    def fails(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
        if query.question[0].rdtype == dns.rdatatype.CAA:
            answer.set_rcode(dns.rcode.SERVFAIL)
        return [answer.to_wire()]

    found = await climb(stack, {"shop.test": f"{HOST}. 60 A 127.0.0.1\n"}, fails)

    assert (found.at, found.trouble) == (HOST, Trouble.LAME)


async def test_the_climb_ends_with_its_budget(stack: AsyncExitStack) -> None:
    zone = f"{HOST}. 60 A 127.0.0.1\n"
    found = await climb(stack, {"shop.test": zone}, budget=Budget(queries=2))

    assert found.trouble is Trouble.BUDGET


def test_a_target_carries_its_caa() -> None:
    record = CaaRecord(flags=0, tag="issue", value="ours.test")
    owner = build_target_owner(["127.0.0.1"], [record])

    assert owner.rrsets[RecordType.CAA].rdatas == (b"\x00\x05issueours.test",)
