"""Where messages go: as their source says now, and nowhere else."""

import asyncio
from dataclasses import replace

from firstparty.forward.kinds import Places
from tests.forward_rig import running
from tests.forwarding import LIMITS, SEALER, Forwarding, OutsideUpstream


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
