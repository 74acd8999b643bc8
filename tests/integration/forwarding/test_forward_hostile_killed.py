"""kill -9 of the forwarder while an upstream is half-open, resets, or says to wait for years."""

from pathlib import Path

import pytest

from tests.fakes.hostile_upstream import NO_ANSWER, HostileUpstream, says
from tests.forward_rig import a_forwarding
from tests.forwarding import first_sightings
from tests.ingest_role import eventually

KILLS = 2
_TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n"
    b"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n\r\n"
)
STORM = "429 until the year 9999"
WAYS = {name: NO_ANSWER[name] for name in ("half-open", "resets-in-the-body")} | {
    STORM: says(_TOO_MANY)
}


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_lost_the_other_source_goes_on_and_no_storm_is_answered_by_a_storm(
    tmp_path: Path, way: str
) -> None:
    hostile, well = HostileUpstream(), HostileUpstream()
    hostile.fault, hostile.takes = WAYS[way], way != STORM
    async with (
        hostile.serving() as bad_url,
        well.serving() as good_url,
        a_forwarding(tmp_path) as forwarding,
    ):
        forwarding.publish(1, bad_url)
        forwarding.publish(2, good_url)
        for _ in range(KILLS):
            met = hostile.met
            forwarder = await forwarding.spawn()
            for _ in range(10):
                await forwarding.append((1, 20), (2, 20))
                await forwarding.settled(2)
            await eventually(lambda met=met: hostile.met > met)
            await forwarding.kill(forwarder)
        asked = hostile.met
        hostile.mend()
        await forwarding.spawn()
        ledger = await forwarding.settled(1, 2, seconds=120)

    for number, upstream in ((1, hostile), (2, well)):
        assert first_sightings(upstream.ids[f"WK{number}"]) == forwarding.appended[number]
        account = ledger.account(number)
        assert account.accepted == account.delivered == len(forwarding.appended[number])
    if way == STORM:
        assert asked == KILLS  # once by each forwarder
        assert hostile.ids["WK1"] == forwarding.appended[1]  # and nothing twice
