"""What names that wait cost the zone above them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.reconciler.pauses import PARENT, pause_for_parent
from tests.fakes.reconciled import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


def looks(since: timedelta, until: timedelta, *, crowd: int = 1) -> int:
    """How often one name is looked at between these ages."""
    age, count = since, 0
    while age < until and (pause := pause_for_parent(age, crowd=crowd)) is not None:
        age, count = age + pause, count + 1
    return count


def test_the_looks_are_as_documented() -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)

    assert looks(timedelta(), hour) == 500
    assert [looks(hour * at, hour * (at + 1)) for at in (1, 6, 24, 72)] == [60, 12, 4, 1]
    assert looks(timedelta(), 30 * day) == 1_472


@pytest.mark.parametrize("crowd", [1, 10, 1_000])
def test_names_of_one_registrable_domain_share_their_turns(crowd: int) -> None:
    hour = timedelta(hours=1)
    worst = max(looks(until - hour, until, crowd=crowd) for until, _ in PARENT if until >= hour)

    assert worst <= 1_800 / crowd + 1


async def test_a_name_waits_for_others_of_its_own_workspace_alone(world: World) -> None:
    for number in range(5):
        world.ask_for(
            id=f"dom_{number}", name=f"cdp{number}.shop.test", token=f"tokenofclaim{number:08}"
        )
    other = world.ask_for(
        id="dom_x", workspace_id="wsp_2", name="data.shop.test", token="tokenofanotherzone00"
    )
    until = world.outside.clock() + timedelta(minutes=1)
    asked: dict[str, int] = {}
    while world.outside.clock() < until:
        world.outside.clock.advance(world.due_at_next() or timedelta(seconds=1))
        for lease in world.lease():
            asked[lease.domain_id] = asked.get(lease.domain_id, 0) + 1
            await world.reconciler().work_on(lease)

    assert sum(count for name, count in asked.items() if name != other.id) <= 30 + 5 + 5
    assert asked[other.id] >= 30
