"""Records that a delegation hides: named before, and for a week after."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.model.status import Word
from tests.fakes.reconciled import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def test_what_was_there_before_is_said_for_a_week_after(world: World) -> None:
    domain = world.ask_for()
    world.outside.parent.below = ("www.cdp.shop.test",)
    await world.step()
    before = world.seen(domain).findings
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    await world.steps(3)
    (after,) = world.seen(domain).findings
    world.outside.clock.advance(timedelta(days=7))
    await world.steps(4)

    assert [one.code for one in before] == ["not-delegated", "hides-names"]
    assert after.code == "records-hidden"
    assert all("www.cdp.shop.test" in one.sentence for one in (before[1], after))
    assert world.word(domain) is Word.LIVE
    assert world.codes(domain) == []


async def test_what_was_removed_before_the_delegation_is_not_said_after_it(world: World) -> None:
    domain = world.ask_for()
    world.outside.parent.below = ("www.cdp.shop.test",)
    await world.step()
    world.outside.parent.below = ()
    await world.step()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    await world.steps(3)

    assert world.codes(domain) == []
