from collections.abc import Iterator
from pathlib import Path

import pytest

from firstparty.model.claims import ClaimState
from firstparty.model.status import Word
from tests.fakes.reconciled import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize("name", ["cdp.shop.test", "a.b.cdp.shop.test"])
async def test_a_name_above_or_below_anothers_proved_name_is_not_proved(
    name: str, world: World
) -> None:
    first = world.ask_for(name="b.cdp.shop.test")
    world.delegate(first)
    await world.until(first, Word.LIVE)
    second = world.ask_for(
        id="dom_2", workspace_id="wsp_2", name=name, token="tokentwo", source_ids=()
    )
    world.delegate(second)
    for _ in range(3):
        await world.step()

    assert world.case(second).claim.state is ClaimState.PENDING
    assert world.codes(second) == ["name-conflict"]
    assert world.case(second).zone is None
    assert world.word(first) is Word.LIVE


async def test_a_workspace_may_have_names_above_its_own(world: World) -> None:
    first = world.ask_for(name="b.cdp.shop.test")
    world.delegate(first)
    await world.until(first, Word.LIVE)
    second = world.ask_for(id="dom_2", name="cdp.shop.test", token="tokentwo", source_ids=())
    world.delegate(second)
    await world.until(second, Word.LIVE)

    assert world.case(second).claim.state is ClaimState.PROVED


async def test_of_two_pending_claims_the_one_that_the_parent_names_wins(world: World) -> None:
    loser = world.ask_for()
    winner = world.ask_for(id="dom_2", workspace_id="wsp_2", token="tokentwo", source_ids=())
    world.delegate(winner)
    await world.until(winner, Word.LIVE)

    assert world.word(loser) is Word.WAITING
    assert world.codes(loser) == ["delegated-elsewhere"]


async def test_an_old_delegation_proves_nothing_for_a_new_claim(world: World) -> None:
    old = world.ask_for()
    world.delegate(old)
    new = world.ask_for(id="dom_2", workspace_id="wsp_2", token="tokentwo", source_ids=())
    for _ in range(5):
        await world.step()

    assert world.case(new).claim.state is ClaimState.PENDING
    assert world.case(new).zone is None


async def test_a_newer_claim_that_the_parent_names_takes_the_name_over_at_once(
    world: World,
) -> None:
    earlier = world.ask_for()
    later = world.ask_for(id="dom_2", workspace_id="wsp_2", token="tokentwo", source_ids=())
    world.delegate(earlier)
    await world.until(earlier, Word.LIVE)
    world.delegate(later)
    while world.case(later).claim.state is ClaimState.PENDING:
        await world.step()
    at_the_edge = [domain.id for domain in world.outside.edge_domains()]
    await world.until(later, Word.LIVE)
    world.wake(earlier)
    await world.step()

    assert at_the_edge == ["dom_2"]
    assert world.case(earlier).claim.state is ClaimState.RELEASED
    assert world.codes(earlier) == ["superseded"]
