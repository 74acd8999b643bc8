"""A reconciler may die at any await, and two may believe that they have the same domain."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.model.domains import Domain
from firstparty.model.status import Word
from firstparty.reconciler.loop import LEASE
from firstparty.store import tables
from tests.fakes.mortality import Mortal
from tests.fakes.reconciled import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def live_through_a_death(
    world: World, domain: Domain, death_at_step: int, lives: int
) -> bool:
    """Reach ``death_at_step`` unharmed, die there at an await, restart, and go on."""
    for _ in range(death_at_step):
        await world.step()
    wait = world.due_at_next()
    assert wait is not None
    world.outside.clock.advance(wait)
    (lease,) = world.lease()
    died = not await Mortal(world.reconciler().work_on(lease), lives=lives)
    await world.until(domain, Word.LIVE)
    return died


# claim, servers, order, begin, answer, advance twice, probe: each is one step with its awaits
@pytest.mark.parametrize("death_at_step", range(8))
async def test_a_death_at_any_await_leaves_one_certificate_and_no_key_used_twice(
    death_at_step: int, tmp_path: Path
) -> None:
    lives, died = 1, True
    while died:
        folder = tmp_path / str(lives)
        folder.mkdir()
        world = World.make(folder)
        domain = world.ask_for()
        world.delegate(domain)
        died = await live_through_a_death(world, domain, death_at_step, lives)

        assert world.count(tables.certificates) == 1
        keys = world.outside.authority.certified_keys
        assert len(keys) == len(set(keys)) == 1
        zone = world.case(domain).zone
        assert zone is not None
        assert zone.txt == {}
        world.store.close()
        lives += 1

    assert lives > 3  # it did die, at several places


async def test_a_dead_reconcilers_domain_is_taken_up_when_its_lease_is_over(world: World) -> None:
    world.ask_for()
    world.lease()
    at_once = world.lease()
    world.outside.clock.advance(LEASE)
    later = world.lease()

    assert at_once == []
    assert len(later) == 1


async def test_a_save_after_the_lease_was_lost_changes_nothing(world: World) -> None:
    domain = world.ask_for()
    (asleep,) = world.lease()
    world.outside.clock.advance(LEASE)
    await world.until(domain, Word.WAITING)
    world.outside.clock.advance(timedelta(seconds=2))
    (awake,) = world.lease()
    await world.reconciler().work_on(awake)
    before = world.case(domain)
    world.delegate(domain)
    was_saved = await world.reconciler().work_on(asleep)

    assert not was_saved
    assert world.case(domain) == before


async def test_two_reconcilers_in_turn_make_one_certificate(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    while world.word(domain) is not Word.LIVE:
        wait = world.due_at_next()
        assert wait is not None
        world.outside.clock.advance(wait)
        (asleep,) = world.lease()
        world.outside.clock.advance(LEASE)
        (awake,) = world.lease()
        saved = [await world.reconciler().work_on(one) for one in (awake, asleep)]

        assert saved == [True, False]

    assert world.count(tables.certificates) == 1
    assert len(world.outside.authority.certified_keys) == 1


async def test_a_wake_while_somebody_works_is_not_lost(world: World) -> None:
    domain = world.ask_for()
    (lease,) = world.lease()
    world.wake(domain)
    await world.reconciler().work_on(lease)

    assert world.due_at_next() == timedelta()
