"""From the log to the upstream: real nats-server, real HTTP, real forwarders."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.forward.forwarder import Limits, serve_forward
from firstparty.forward.kinds import Places
from firstparty.spool.entries import encode_group
from firstparty.spool.outcomes import Outcomes, Shelf
from firstparty.store.reader import open_feed
from tests.forwarding import LIMITS, SEALER, Forwarding, OutsideUpstream, an_entry, first_sightings


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def forwarding(tmp_path: Path) -> AsyncIterator[Forwarding]:
    forwarding = Forwarding(tmp_path)
    await forwarding.start()
    yield forwarding
    await forwarding.stop()


@pytest.fixture
async def upstream(stack: AsyncExitStack, tmp_path: Path) -> OutsideUpstream:
    upstream = OutsideUpstream(tmp_path / "a.ndjson")
    await stack.enter_async_context(upstream.running())
    return upstream


@pytest.fixture
async def other_upstream(stack: AsyncExitStack, tmp_path: Path) -> OutsideUpstream:
    upstream = OutsideUpstream(tmp_path / "b.ndjson")
    await stack.enter_async_context(upstream.running())
    return upstream


@asynccontextmanager
async def running(forwarding: Forwarding, limits: Limits = LIMITS) -> AsyncIterator[None]:
    task = asyncio.create_task(
        serve_forward(
            feed=open_feed(str(forwarding.store.engine.url)),
            snapshot=forwarding.folder / "forward.snapshot",
            log_url=forwarding.nats.url,
            limits=limits,
        )
    )
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
    forwarding: Forwarding, stack: AsyncExitStack, tmp_path: Path
) -> None:
    picky = OutsideUpstream(tmp_path / "picky.ndjson", refuses="s1-000123")
    await stack.enter_async_context(picky.running())
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


async def test_messages_of_a_source_that_is_not_known_wait_for_it(
    forwarding: Forwarding, upstream: OutsideUpstream
) -> None:
    forwarding.publish(2, upstream.url)
    await forwarding.append((1, 3), (2, 3))
    async with running(forwarding):
        await forwarding.settled(2)
        assert upstream.ids("WK1") == []
        forwarding.publish(1, upstream.url)
        await forwarding.settled(1)

    assert upstream.ids("WK1") == forwarding.appended[1]


async def test_a_parked_source_goes_on_as_soon_as_its_settings_are_right(
    forwarding: Forwarding, upstream: OutsideUpstream
) -> None:
    forwarding.publish(1, f"{upstream.url}/nowhere")
    await forwarding.append((1, 3))
    async with running(forwarding):
        async with asyncio.timeout(30):
            while (await forwarding.ledger()).account(1).waiting != 3:
                await asyncio.sleep(0.05)
        forwarding.publish(1, upstream.url)
        ledger = await forwarding.settled(1)

    assert upstream.ids() == forwarding.appended[1]
    assert ledger.account(1).dead == 0


async def test_messages_that_wait_go_where_their_source_says_now(
    forwarding: Forwarding, upstream: OutsideUpstream, other_upstream: OutsideUpstream
) -> None:
    await upstream.control(mode="down")
    forwarding.publish(1, upstream.url)
    await forwarding.append((1, 3))
    async with running(forwarding):
        async with asyncio.timeout(30):
            while (await forwarding.ledger()).account(1).waiting != 3:
                await asyncio.sleep(0.05)
        forwarding.publish(1, other_upstream.url)
        ledger = await forwarding.settled(1)

    assert other_upstream.ids() == forwarding.appended[1]
    assert upstream.ids() == []
    assert ledger.account(1).delivered == 3


async def test_forwarding_survives_a_killed_log(
    forwarding: Forwarding, upstream: OutsideUpstream
) -> None:
    forwarding.publish(1, upstream.url)
    async with running(forwarding):
        await forwarding.append((1, 5))
        await forwarding.settled(1)
        await forwarding.nats.kill()
        await forwarding.nats.start()
        async with asyncio.timeout(30):
            while not forwarding.log.connection.is_connected:
                await asyncio.sleep(0.05)
        await forwarding.append((1, 5))
        ledger = await forwarding.settled(1)

    assert first_sightings(upstream.ids()) == forwarding.appended[1]
    assert ledger.account(1).delivered == 10


async def test_forwarding_goes_on_after_the_log_was_away_for_long(
    forwarding: Forwarding, upstream: OutsideUpstream
) -> None:
    forwarding.publish(1, upstream.url)
    process = await forwarding.spawn()
    for _ in range(2):
        await forwarding.append((1, 5))
        await forwarding.settled(1)
        said = forwarding.log_file(0).read_text().count("forward.stopped")
        await forwarding.nats.kill()
        async with asyncio.timeout(60):
            while forwarding.log_file(0).read_text().count("forward.stopped") == said:
                await asyncio.sleep(0.05)
        await forwarding.nats.start()
        async with asyncio.timeout(30):
            while not forwarding.log.connection.is_connected:
                await asyncio.sleep(0.05)
    await forwarding.append((1, 5))
    ledger = await forwarding.settled(1)

    assert process.returncode is None
    assert first_sightings(upstream.ids()) == forwarding.appended[1]
    assert ledger.account(1).delivered == 15


async def test_kill_9_at_any_moment_loses_nothing_and_bends_no_number(
    forwarding: Forwarding, upstream: OutsideUpstream, other_upstream: OutsideUpstream
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    for number in (1, 2):
        forwarding.publish(number, upstream.url)
    forwarding.publish(3, other_upstream.url)
    await other_upstream.control(mode="down")
    load = asyncio.create_task(_load(forwarding, chance))
    for _ in range(5):
        process = await forwarding.spawn()
        await asyncio.sleep(chance.uniform(0.6, 1.5))
        await forwarding.kill(process)
    await load
    # With nothing running, what the records say waits is what lies in the log.
    ledger, in_log = await forwarding.ledger(), await forwarding.waiting_in_log()
    for number in (1, 2, 3):
        account = ledger.account(number)
        beyond = len(forwarding.appended[number]) - account.accepted
        assert account.waiting + beyond == in_log[number]
    assert in_log[3] == len(forwarding.appended[3])
    await forwarding.spawn()
    await other_upstream.control(mode="ok")
    ledger = await forwarding.settled(1, 2, 3, seconds=90)

    seen = {1: upstream.ids("WK1"), 2: upstream.ids("WK2"), 3: other_upstream.ids("WK3")}
    for number, ids in seen.items():
        assert first_sightings(ids) == forwarding.appended[number]
        account = ledger.account(number)
        assert account.accepted == account.delivered == len(forwarding.appended[number])
        assert (account.dead, account.waiting) == (0, 0)


async def _load(forwarding: Forwarding, chance: random.Random) -> None:
    for _ in range(300):
        await forwarding.append(*((source, chance.randrange(1, 40)) for source in (1, 2, 3)))
        await asyncio.sleep(0.01)


async def test_a_stale_forwarder_that_wakes_up_is_fenced_off(
    forwarding: Forwarding, upstream: OutsideUpstream
) -> None:
    forwarding.publish(1, upstream.url)
    stale = await forwarding.spawn()
    await forwarding.append((1, 10))
    await forwarding.settled(1)
    stale.send_signal(signal.SIGSTOP)
    fresh = await forwarding.spawn()
    await forwarding.append((1, 10))
    await forwarding.settled(1)
    stale.send_signal(signal.SIGCONT)
    for _ in range(20):
        await forwarding.append((1, 10))
        await asyncio.sleep(0.05)
    ledger = await forwarding.settled(1)
    async with asyncio.timeout(30):
        while "another forwarder runs" not in forwarding.log_file(0).read_text():
            await asyncio.sleep(0.05)

    assert fresh.returncode is None
    assert "forward.stopped" not in forwarding.log_file(1).read_text()
    assert first_sightings(upstream.ids()) == forwarding.appended[1]
    account = ledger.account(1)
    assert account.accepted == account.delivered == len(forwarding.appended[1])


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


async def test_a_source_of_one_region_never_goes_to_the_upstream_of_another(
    forwarding: Forwarding, upstream: OutsideUpstream, other_upstream: OutsideUpstream
) -> None:
    regions = {"us": upstream.url, "eu": other_upstream.url}
    places = Places(regions=regions, sealer=SEALER)
    forwarding.publish(1, upstream.url, region="eu")
    forwarding.publish(2, upstream.url, region="us")
    await forwarding.append((1, 3), (2, 3))
    async with running(forwarding, replace(LIMITS, places=places)):
        ledger = await forwarding.settled(2)
        assert upstream.ids("WK1") == []
        assert ledger.account(1).delivered == 0
        forwarding.publish(1, other_upstream.url, region="eu")
        await forwarding.settled(1)

    assert other_upstream.ids("WK1") == forwarding.appended[1]


async def test_an_upstream_that_a_user_named_is_not_reached_at_a_private_address(
    forwarding: Forwarding, upstream: OutsideUpstream
) -> None:
    port = upstream.url.rpartition(":")[2]
    forwarding.publish(1, upstream.url)
    forwarding.publish(2, f"http://localhost:{port}")
    await forwarding.append((1, 1), (2, 1))
    async with running(forwarding, replace(LIMITS, places=Places(sealer=SEALER))):
        async with asyncio.timeout(30):
            while (await forwarding.ledger()).account(2).waiting < 1:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # time to deliver, were it allowed

    assert upstream.ids() == []
