"""From the log to the upstream: real nats-server, real HTTP, real forwarders."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.spool.entries import encode_group
from firstparty.spool.outcomes import Outcomes, Shelf
from tests.forward_rig import an_upstream, running
from tests.forwarding import LIMITS, Forwarding, OutsideUpstream, an_entry, first_sightings


async def test_every_message_arrives_once_in_order_under_its_own_key(
    forwarding: Forwarding, upstream: OutsideUpstream
) -> None:
    for number in (1, 2):
        forwarding.publish(number, upstream.url)
    for _ in range(40):
        await forwarding.append((1, 70), (2, 1), (1, 3))
    async with running(forwarding):
        await forwarding.append((2, 5))
        ledger = await forwarding.settled(1, 2)

    for number in (1, 2):
        assert upstream.ids(f"WK{number}") == forwarding.appended[number]
        account = ledger.account(number)
        assert (account.accepted, account.delivered, account.dead, account.waiting) == (
            len(forwarding.appended[number]),
            len(forwarding.appended[number]),
            0,
            0,
        )


async def test_a_request_says_who_sends_it_and_carries_no_cookie(
    forwarding: Forwarding, upstream: OutsideUpstream
) -> None:
    forwarding.publish(1, upstream.url)
    await forwarding.append((1, 1))
    async with running(forwarding):
        await forwarding.settled(1)

    (line,) = upstream.lines()
    assert line["headers"]["user-agent"].startswith("firstparty/")
    assert line["headers"]["authorization"] == "Basic V0sxOg=="
    assert "cookie" not in line["headers"]


async def test_what_was_delivered_is_taken_out_of_the_log(
    forwarding: Forwarding, upstream: OutsideUpstream
) -> None:
    forwarding.publish(1, upstream.url)
    for _ in range(5):
        await forwarding.append((1, 10))
    async with running(forwarding):
        await forwarding.settled(1)
        async with asyncio.timeout(30):
            while (await forwarding.log.state()).first <= 5:
                await asyncio.sleep(0.05)

    assert await forwarding.log.read(after=0) == []


@pytest.mark.parametrize("mode", ["down", "slow", "429", "500", "page", "reset"])
async def test_an_outage_loses_and_reorders_nothing(
    forwarding: Forwarding, upstream: OutsideUpstream, mode: str
) -> None:
    forwarding.publish(1, upstream.url)
    async with running(forwarding):
        await forwarding.append((1, 10))
        await forwarding.settled(1)
        await upstream.control(mode=mode, seconds=1.5)
        for _ in range(10):
            await forwarding.append((1, 10))
            await asyncio.sleep(0.02)
        ledger = await forwarding.settled(1)

    assert first_sightings(upstream.ids()) == forwarding.appended[1]
    assert ledger.account(1).delivered == 110
    assert ledger.account(1).dead == 0


async def test_a_poison_message_dies_alone_with_the_reason(
    forwarding: Forwarding, tmp_path: Path
) -> None:
    async with an_upstream(tmp_path / "picky.ndjson", refuses="s1-000123") as picky:
        forwarding.publish(1, picky.url)
        for _ in range(10):
            await forwarding.append((1, 30))
        await forwarding.log.append(encode_group([an_entry(1, b"not JSON")]))
        await forwarding.append((1, 1))
        async with running(forwarding):
            async with asyncio.timeout(60):
                while (account := (await forwarding.ledger()).account(1)).accepted < 302 or (
                    account.waiting
                ):
                    await asyncio.sleep(0.05)
            dead = await forwarding.dead(1)

    assert picky.ids() == [i for i in forwarding.appended[1] if i != "s1-000123"]
    assert [letter.reason.partition(":")[0] for letter in dead] == [
        "refused upstream",
        "unreadable",
    ]
    assert b"s1-000123" in dead[0].message
    assert dead[1].message == b"not JSON"
    assert (account.accepted, account.delivered, account.dead) == (302, 300, 2)


async def test_a_source_whose_upstream_is_down_keeps_nobody_waiting(
    forwarding: Forwarding, upstream: OutsideUpstream, other_upstream: OutsideUpstream
) -> None:
    forwarding.publish(1, upstream.url)
    forwarding.publish(2, other_upstream.url)
    await upstream.control(mode="down")
    async with running(forwarding):
        # More than a queue holds, so that the source falls behind and has to catch up.
        for _ in range(60):
            await forwarding.append((1, 500), (2, 10))
        await forwarding.settled(2)
        assert upstream.ids() == []
        assert other_upstream.ids() == forwarding.appended[2]
        waiting = (await forwarding.waiting_in_log())[1]
        await upstream.control(mode="ok")
        ledger = await forwarding.settled(1)

    assert waiting == 30_000
    assert first_sightings(upstream.ids()) == forwarding.appended[1]
    assert ledger.account(1).accepted == ledger.account(1).delivered == 30_000


async def test_a_dead_upstream_keeps_nobodys_messages_in_the_log(
    forwarding: Forwarding, upstream: OutsideUpstream, other_upstream: OutsideUpstream
) -> None:
    forwarding.publish(1, upstream.url)
    forwarding.publish(2, other_upstream.url)
    await upstream.control(mode="down")
    outcomes = Outcomes(forwarding.log)
    for _ in range(2):  # the second forwarder finds a shelf that the first one filled
        async with running(forwarding, replace(LIMITS, hold_after=timedelta(seconds=0.1))):
            for _ in range(20):
                await forwarding.append((1, 100), (2, 3))
            async with asyncio.timeout(30):
                while (state := await forwarding.log.state()).first <= state.last:
                    await asyncio.sleep(0.05)
            ledger = await forwarding.settled(2)
        assert ledger.account(1).waiting == len(forwarding.appended[1])
        assert (await outcomes.sources_on(Shelf.HELD))[1] > 0
    await upstream.control(mode="ok")
    async with running(forwarding):
        await forwarding.append((1, 5))
        ledger = await forwarding.settled(1, 2)
        async with asyncio.timeout(30):
            while await outcomes.sources_on(Shelf.HELD):
                await asyncio.sleep(0.05)

    assert first_sightings(upstream.ids()) == forwarding.appended[1]
    assert other_upstream.ids() == forwarding.appended[2]
    assert ledger.account(1).accepted == ledger.account(1).delivered == 4005


async def test_what_is_older_than_the_limit_is_given_up_while_its_upstream_is_away(
    forwarding: Forwarding, upstream: OutsideUpstream
) -> None:
    forwarding.publish(1, upstream.url)
    await upstream.control(mode="down")
    await forwarding.append((1, 7))
    async with running(forwarding, replace(LIMITS, expire_after=timedelta(seconds=0.5))):
        async with asyncio.timeout(30):
            while (account := (await forwarding.ledger()).account(1)).expired < 7:
                await asyncio.sleep(0.05)
        await upstream.control(mode="ok")
        await forwarding.append((1, 2))
        async with asyncio.timeout(30):
            while (account := (await forwarding.ledger()).account(1)).delivered < 2:
                await asyncio.sleep(0.05)

    assert (account.accepted, account.expired, account.waiting, account.dead) == (9, 7, 0, 0)
    assert upstream.ids() == forwarding.appended[1][7:]
