"""One of the parent's two servers is dead: what is proved, and when."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.model.claims import ClaimState
from firstparty.model.status import Word
from firstparty.reconciler.judgement import are_enough
from tests.fakes.reconciled import World

DEAD = frozenset({"ns2"})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def pass_time(world: World, span: timedelta) -> None:
    """Look at what is due until so much time has passed."""
    until = world.outside.clock() + span
    while (wait := world.due_at_next()) is not None and world.outside.clock() + wait <= until:
        world.outside.clock.advance(max(wait, timedelta(seconds=20)))
        for lease in world.lease():
            await world.reconciler().work_on(lease)


async def test_the_servers_that_answer_decide_after_five_minutes(world: World) -> None:
    domain = world.ask_for()
    world.outside.parent.dead = DEAD
    world.delegate(domain)
    await pass_time(world, timedelta(minutes=4))
    before, said = world.case(domain).claim.state, world.codes(domain)
    await world.until(domain, Word.LIVE, most=300)
    await world.steps(2)

    assert before is ClaimState.PENDING
    assert said == ["could-not-check"]
    assert world.codes(domain) == ["could-not-check"]  # it is named for as long as it is silent


async def test_five_minutes_in_a_row_are_needed(world: World) -> None:
    domain = world.ask_for()
    world.outside.parent.dead = DEAD
    for _ in range(4):
        world.delegate(domain)
        await pass_time(world, timedelta(minutes=3))
        world.outside.parent.nameservers.clear()
        await pass_time(world, timedelta(minutes=1))

    assert world.case(domain).claim.state is ClaimState.PENDING


async def test_a_server_that_says_something_else_keeps_it_open(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    world.outside.parent.behind = DEAD
    await pass_time(world, timedelta(minutes=30))

    assert world.case(domain).claim.state is ClaimState.PENDING
    assert world.codes(domain) == ["partly-delegated"]


async def test_of_a_parent_that_is_silent_altogether_nothing_is_concluded(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    world.outside.parent.is_silent = True
    await pass_time(world, timedelta(hours=1))

    assert world.case(domain).claim.state is ClaimState.PENDING


@pytest.mark.parametrize(
    ("heard", "silent", "enough"),
    [("", "", False), ("", "a", False), ("a", "b", True), ("a", "bc", False), ("ab", "ac", True)],
)
def test_half_of_the_servers_by_name_are_enough(heard: str, silent: str, enough: bool) -> None:  # noqa: FBT001 - a table
    assert are_enough(heard, silent) is enough
