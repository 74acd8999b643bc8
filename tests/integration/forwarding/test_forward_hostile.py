"""Upstreams that are half-open, talk garbage, or drip: nothing is lost, and nobody else waits."""

import asyncio

import pytest

from tests.fakes.hostile_upstream import NO_ANSWER, Fault, HostileUpstream, says
from tests.forward_rig import running
from tests.forwarding import Forwarding, first_sightings

# One of each way: no bytes, wrong bytes, too many bytes, too slow bytes, half of the bytes.
WAYS = (
    "half-open",
    "garbage",
    "lengths-differ",
    "endless-headers",
    "drips-its-head",
    "resets-in-the-body",
)
SOURCES = (1, 2)


async def deliver_through(forwarding: Forwarding, hostile: HostileUpstream, fault: Fault) -> None:
    """Source 1 meets the fault until source 2, whose upstream is well, has everything."""
    well = HostileUpstream()
    async with hostile.serving() as bad_url, well.serving() as good_url:
        forwarding.publish(1, bad_url)
        forwarding.publish(2, good_url)
        hostile.fault = fault
        async with running(forwarding):
            for _ in range(20):
                await forwarding.append((1, 20), (2, 20))
            await forwarding.settled(2)
            async with asyncio.timeout(30):
                while not hostile.met:
                    await asyncio.sleep(0.02)
            hostile.mend()
            await forwarding.settled(1)
    assert well.ids["WK2"] == forwarding.appended[2]


@pytest.mark.parametrize("takes", [True, False], ids=["taken", "not taken"])
@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_lost_and_no_number_bent_and_the_other_source_does_not_wait(
    forwarding: Forwarding, way: str, *, takes: bool
) -> None:
    hostile = HostileUpstream()
    hostile.takes = takes
    await deliver_through(forwarding, hostile, NO_ANSWER[way])
    ledger = await forwarding.ledger()

    assert first_sightings(hostile.ids["WK1"]) == forwarding.appended[1]
    for number in SOURCES:
        account = ledger.account(number)
        assert account.accepted == account.delivered == len(forwarding.appended[number])
        assert (account.dead, account.waiting, account.expired) == (0, 0, 0)
    if not takes:
        assert hostile.ids["WK1"] == forwarding.appended[1]  # and once each


async def test_control_an_upstream_that_lies_is_found_out_by_this_rig(
    forwarding: Forwarding,
) -> None:
    liar = HostileUpstream()
    liar.takes = False
    await deliver_through(forwarding, liar, says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))

    # It said 200 to what it threw away: the ledger believes it, the comparison does not.
    assert (await forwarding.ledger()).account(1).delivered == len(forwarding.appended[1])
    assert first_sightings(liar.ids["WK1"]) != forwarding.appended[1]
