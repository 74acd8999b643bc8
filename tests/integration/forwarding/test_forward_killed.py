"""Forwarders and logs that are killed: nothing is lost, and no number bends."""

import asyncio
import random
import signal

from tests.forward_rig import running
from tests.forwarding import Forwarding, OutsideUpstream, first_sightings


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
