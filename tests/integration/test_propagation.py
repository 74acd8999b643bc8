"""What resolvers have, asked of real ones on loopback; and the operation that shows it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import pytest

from firstparty.config.addresses import Address
from firstparty.control.propagation import Spread, fetch_propagation
from firstparty.model.domains import Mode, build_records
from tests.builders import a_domain
from tests.fakes.dns_server import DnsServer, Manner, by_the_rules, listening
from tests.installation import RULES

DOMAIN = a_domain(name="cdp.shop.test")
RECORDS = build_records(DOMAIN, "fp.test")
OURS = "".join(f"cdp 77 NS {record.value}\n" for record in RECORDS)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def as_a_cache(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
    """What a resolver makes of a referral: the records as an answer. Only if it was asked to."""
    assert query.flags & dns.flags.RD
    if answer.authority and answer.authority[0].rdtype == dns.rdatatype.NS:
        answer.answer, answer.authority = [answer.authority[0]], []
    answer.flags = (answer.flags | dns.flags.RA) & ~dns.flags.AA
    return [answer.to_wire()]


def fails(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
    del query
    answer.set_rcode(dns.rcode.SERVFAIL)
    return [answer.to_wire()]


async def spread(
    stack: AsyncExitStack, *zones: str, manner: Manner = as_a_cache, mode: Mode = Mode.DELEGATION
) -> list[tuple[Spread, int | None]]:
    """What resolvers with these zones in their caches are said to have."""
    resolvers: list[Address] = []
    for zone in zones:
        server = DnsServer({"shop.test": zone}, manner)
        resolvers.append(await stack.enter_async_context(listening(server)))
    records = build_records(replace(DOMAIN, mode=mode), "fp.test")
    rules = replace(RULES, public_resolvers=tuple(resolvers))
    found = await fetch_propagation(records, rules=rules)
    return [(one.spread, one.cached.ttl) for one in found]


async def test_each_resolver_is_said_to_have_what_it_has_and_for_how_long(
    stack: AsyncExitStack,
) -> None:
    old = "cdp 4000 NS ns1.elsewhere.test.\n"

    assert await spread(stack, OURS, old, "") == [
        (Spread.RIGHT, 77),
        (Spread.OTHER, 4000),
        (Spread.NOTHING, 60),
    ]


async def test_half_of_the_records_are_not_the_records(stack: AsyncExitStack) -> None:
    assert await spread(stack, OURS.partition("\n")[0]) == [(Spread.OTHER, 77)]


async def test_a_resolver_that_fails_is_not_known_to_have_nothing(stack: AsyncExitStack) -> None:
    assert await spread(stack, OURS, manner=fails) == [(Spread.UNKNOWN, None)]


async def test_a_resolver_that_is_away_is_not_known_to_have_nothing() -> None:
    rules = replace(RULES, public_resolvers=(Address("127.0.0.1", 9),))
    (found,) = await fetch_propagation(RECORDS, rules=rules)

    assert found.spread is Spread.UNKNOWN
    assert found.cached.trouble is not None


async def test_both_hosts_by_cname_are_asked_for(stack: AsyncExitStack) -> None:
    first, _ = build_records(replace(DOMAIN, mode=Mode.CNAME), "fp.test")
    zone = f"{first.name} 50 CNAME {first.value}\n"

    assert await spread(stack, zone, manner=by_the_rules, mode=Mode.CNAME) == [
        (Spread.RIGHT, 50),
        (Spread.NOTHING, 60),
    ]


async def test_no_more_than_ten_resolvers_are_asked(stack: AsyncExitStack) -> None:
    assert len(await spread(stack, *[OURS] * 12)) == 10
