"""Parents that mean harm, on real sockets: a finding, within bounds, and never a proof."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import dns.flags
import dns.message
import dns.rrset
import pytest

from firstparty.config.addresses import Address
from firstparty.model.status import DnsStatus
from firstparty.reconciler.delegation import Delegation, judge_delegation
from firstparty.reconciler.judgement import Judgement
from firstparty.resolver.budget import MAX_QUERIES
from firstparty.resolver.observed import ParentAnswer, Trouble
from firstparty.resolver.parent import probe_parent
from tests.builders import a_domain
from tests.fakes.dns_server import DnsServer, Manner, bind_both, by_the_rules, listening

DOMAIN = a_domain()
OURS = "".join(f"cdp 60 NS {letter}-{DOMAIN.token}.ns.fp.test.\n" for letter in ("a", "b"))


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def ask(stack: AsyncExitStack, zone: str, manner: Manner = by_the_rules) -> ParentAnswer:
    """What is said by a server of ``shop.test`` that a stub zone leads to."""
    server = DnsServer({"shop.test": zone}, manner)
    address: Address = await stack.enter_async_context(listening(server))
    return await probe_parent(
        DOMAIN.name,
        stub_zones={"shop.test": [address]},
        allow_private=True,
        port=address.port,
    )


def judge(answer: ParentAnswer) -> Judgement:
    return judge_delegation(
        Delegation(domain=DOMAIN, service_domain="fp.test", answer=answer, was_proved=False)
    )


async def test_the_rig_proves_an_honest_parent(stack: AsyncExitStack) -> None:
    answer = await ask(stack, OURS)

    assert judge(answer).dns is DnsStatus.PROVED


async def test_five_hundred_nameservers_are_named_in_one_short_sentence(
    stack: AsyncExitStack,
) -> None:
    others = "".join(f"cdp 60 NS ns{number}.evil.test.\n" for number in range(500))
    answer = await ask(stack, OURS + others)
    judgement = judge(answer)

    assert judgement.dns is DnsStatus.PARTIAL
    assert [finding.code for finding in judgement.findings] == ["delegated-to-others-too"]
    assert len(judgement.findings[0].sentence) < 500
    assert len(judgement.findings[0].surplus) <= 20
    assert answer.queries <= MAX_QUERIES


async def test_five_hundred_servers_of_the_parent_cost_no_more_than_the_budget(
    stack: AsyncExitStack,
) -> None:
    (udp, tcp) = bind_both()
    port = udp.getsockname()[1]
    udp.close()
    tcp.close()
    glue = "".join(f"shop 60 NS ns{n}.shop\nns{n}.shop 60 A 127.0.0.1\n" for n in range(500))
    root = DnsServer({"test": glue})
    await stack.enter_async_context(listening(root, port=port))
    answer = await probe_parent(
        DOMAIN.name,
        stub_zones={"test": [Address("127.0.0.1", port)]},
        allow_private=True,
        port=port,
    )

    assert len(root.queries) <= MAX_QUERIES
    assert judge(answer).dns is not DnsStatus.PROVED


async def test_glue_that_leads_inside_gets_not_a_packet(stack: AsyncExitStack) -> None:
    """The stub zone's own address is the operator's; what it refers to is the attacker's."""
    inner = DnsServer({"shop.test": OURS})
    address = await stack.enter_async_context(listening(inner, "127.0.0.3"))
    outer = DnsServer({"test": "shop 60 NS ns1.shop\nns1.shop 60 A 127.0.0.3\n"})
    await stack.enter_async_context(listening(outer, "127.0.0.1", address.port))
    answer = await probe_parent(
        DOMAIN.name,
        stub_zones={"test": [Address("127.0.0.1", address.port)]},
        allow_private=False,
        port=address.port,
    )

    assert inner.queries == []
    assert [one.trouble for one in answer.servers] == [Trouble.NOT_PUBLIC]
    assert judge(answer).dns is DnsStatus.UNKNOWN


async def test_records_for_another_name_or_in_another_section_prove_nothing(
    stack: AsyncExitStack,
) -> None:
    def lies(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
        wanted = [f"{letter}-{DOMAIN.token}.ns.fp.test." for letter in ("a", "b")]
        answer.additional.append(dns.rrset.from_text("cdp.shop.test.", 60, "IN", "NS", *wanted))
        answer.authority = [dns.rrset.from_text("other.shop.test.", 60, "IN", "NS", *wanted)]
        answer.answer = []
        del query
        return [answer.to_wire()]

    answer = await ask(stack, "", lies)

    assert judge(answer).dns is not DnsStatus.PROVED
    assert answer.nameservers == frozenset()


async def test_a_copy_of_the_right_answer_without_authority_is_no_word(
    stack: AsyncExitStack,
) -> None:
    def from_a_cache(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
        answer.answer, answer.authority = list(answer.authority), []
        answer.flags = (answer.flags | dns.flags.RA) & ~dns.flags.AA
        del query
        return [answer.to_wire()]

    answer = await ask(stack, OURS, from_a_cache)

    assert judge(answer).dns is DnsStatus.UNKNOWN


async def test_wrong_ids_and_other_questions_are_not_looked_at(stack: AsyncExitStack) -> None:
    def wrong(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
        answer.id = (query.id + 1) % 65536
        other = dns.message.make_response(dns.message.make_query("evil.test.", "NS"))
        other.id = query.id
        return [answer.to_wire(), other.to_wire()]

    answer = await ask(stack, OURS, wrong)

    assert judge(answer).dns is DnsStatus.UNKNOWN


async def test_a_tarpit_that_gives_a_byte_at_a_time_is_left() -> None:
    asked = 0
    drips: list[asyncio.Task[None] | None] = []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        drips.append(asyncio.current_task())
        try:
            await reader.readexactly(2)
            while True:
                writer.write(b"\x10")
                await writer.drain()
                await asyncio.sleep(0.5)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()

    listener = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        answer = await probe_parent(
            DOMAIN.name,
            stub_zones={"shop.test": [Address("127.0.0.1", port)]},
            allow_private=True,
            port=port,
        )
    finally:
        listener.close()
        for task in drips:
            assert task is not None
            task.cancel()
            await asyncio.wait([task])

    assert asked == 1
    assert [one.trouble for one in answer.servers if one.trouble is None] == []
    assert judge(answer).dns is DnsStatus.UNKNOWN
