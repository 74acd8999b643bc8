"""Steps taken one after the other under one lease, without reading the domain again."""

from pathlib import Path

import pytest

from firstparty.model.domains import Domain, Mode
from firstparty.model.key_rolls import KeyRoll, RollState
from firstparty.model.status import Word
from firstparty.reconciler.case import Case
from firstparty.store.key_rolls import add_key_roll
from tests.fakes.reconciled import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def ask_for(world: World, mode: Mode = Mode.DELEGATION) -> Domain:
    domain = world.ask_for(mode=mode, source_ids=("src_1",))
    if mode is Mode.DELEGATION:
        world.delegate(domain)
    else:
        world.point(domain)
    return domain


async def go_on(world: World, domain: Domain) -> list[tuple[Case, Case]]:
    """Work once on the domain, as long as it goes on; each case given, and as it is stored."""
    cases = []
    world.outside.clock.advance(world.due_at_next())
    (lease,) = world.lease()
    case: Case | None = world.case(domain)
    while case is not None:
        saved = await world.reconciler().take_step(lease, case, may_go_on=True)
        assert saved is not None
        case = saved.onward
        if case is not None:
            cases.append((case, world.case(domain)))
    return cases


@pytest.mark.parametrize("mode", [Mode.DELEGATION, Mode.CNAME])
async def test_the_next_step_is_given_what_it_would_have_read(world: World, mode: Mode) -> None:
    domain = ask_for(world, mode)
    cases = []
    while world.word(domain) is not Word.LIVE:
        cases += await go_on(world, domain)

    assert len(cases) > 1
    assert [given for given, _ in cases] == [stored for _, stored in cases]


async def test_the_next_step_knows_how_far_a_key_s_replacement_is(world: World) -> None:
    domain = ask_for(world)
    await go_on(world, domain)
    asked = KeyRoll(domain_id=domain.id, state=RollState.ASKED, since=world.outside.clock())
    with world.store.write() as connection:
        add_key_roll(connection, asked)
    cases = await go_on(world, domain)
    (roll, *_) = [given.roll for given, _ in cases]

    assert roll is not None
    assert roll.state is RollState.INTRODUCED
    assert [given for given, _ in cases] == [stored for _, stored in cases]


async def test_while_it_goes_on_nobody_else_can_take_the_domain(world: World) -> None:
    domain = ask_for(world)
    await go_on(world, domain)
    world.outside.clock.advance(world.due_at_next())
    (lease,) = world.lease()
    saved = await world.reconciler().take_step(lease, world.case(domain), may_go_on=True)
    meanwhile = world.lease()

    assert saved is not None
    assert saved.onward is not None
    assert meanwhile == []


async def test_a_wake_while_it_goes_on_is_not_lost(world: World) -> None:
    domain = ask_for(world)
    await go_on(world, domain)
    world.outside.clock.advance(world.due_at_next())
    (lease,) = world.lease()
    saved = await world.reconciler().take_step(lease, world.case(domain), may_go_on=True)
    assert saved is not None
    assert saved.onward is not None
    world.wake(domain)
    woken_at = world.outside.clock()
    case: Case | None = saved.onward
    while case is not None:
        saved = await world.reconciler().take_step(lease, case, may_go_on=True)
        case = None if saved is None else saved.onward

    assert world.due_at_next() == woken_at - world.outside.clock()


async def test_a_worker_takes_every_step_that_is_due_at_once(world: World) -> None:
    domain = ask_for(world)
    await go_on(world, domain)
    world.outside.clock.advance(world.due_at_next())
    (lease,) = world.lease()
    before = world.case(domain)
    await world.reconciler().work_on(lease, most_steps=12)
    after = world.case(domain)

    assert (before.order, before.observation.checked_at) != (after.order, None)
    assert after.order is not None
    assert after.order.challenges
