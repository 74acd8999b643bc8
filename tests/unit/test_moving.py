from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.control.callers import SYSTEM
from firstparty.control.domains import pause_domain, remove_domain
from firstparty.control.moves import MoveRequest, move_domain
from firstparty.control.sources import show_source
from firstparty.errors import Conflict
from firstparty.model.claims import IllegalTransition
from firstparty.model.domains import Domain
from firstparty.model.moves import TRANSITIONS, Move, MoveState, advance_move
from firstparty.model.status import Intent, Word
from firstparty.reconciler.drain import DrainLimits
from firstparty.reconciler.traffic import HostsTraffic, TrafficAnswer
from firstparty.store.moves import load_open_move
from tests.builders import NOW
from tests.fakes.reconciled import World
from tests.installation import RULES

QUIET = DrainLimits().moved_quiet


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def live(world: World) -> Domain:
    domain = world.ask_for(name="cdp.shop.com")
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    return domain


def move(world: World, old: Domain, name: str = "data.shop.com") -> Domain:
    asked = MoveRequest(name=name)
    now = world.outside.clock()
    view = move_domain(world.store, SYSTEM, old.id, asked=asked, rules=RULES, now=now)
    return view.domain


def home(world: World) -> str:
    domain = show_source(world.store, SYSTEM, "src_1", rules=RULES).domain
    assert domain is not None
    return domain.name


def state(world: World, domain: Domain) -> MoveState | None:
    with world.store.read() as connection:
        found = load_open_move(connection, domain.id)
    return None if found is None else found.state


async def switched(world: World) -> tuple[Domain, Domain]:
    """Two live domains, the sources of the first just given to the second."""
    old = await live(world)
    new = move(world, old)
    world.delegate(new)
    await world.until(new, Word.LIVE)
    await world.step()
    assert state(world, old) is MoveState.DRAINING
    return old, new


async def test_both_serve_and_the_sources_switch_once_the_new_domain_is_live(world: World) -> None:
    old = await live(world)
    new = move(world, old)
    await world.steps(5)
    before = (home(world), world.word(old), world.word(new), len(world.outside.edge_domains()))
    world.delegate(new)
    await world.until(new, Word.LIVE)
    switched_at = world.outside.clock()
    await world.step()
    edge = {one.name: one for one in world.outside.edge_domains()}

    assert before == ("cdp.shop.com", Word.MOVING, Word.WAITING, 1)
    assert world.outside.clock() == switched_at  # the old one is looked at without delay
    assert home(world) == "data.shop.com"
    assert (world.word(old), world.word(new)) == (Word.MOVING, Word.LIVE)
    assert {name: one.is_draining for name, one in edge.items()} == {
        "cdp.shop.com": True,
        "data.shop.com": False,
    }
    assert [[source.write_key for source in one.sources] for one in edge.values()] == [
        ["WKSHOPWEB"],
        ["WKSHOPWEB"],
    ]


async def test_the_old_domain_stays_while_it_is_asked_and_says_how_often(world: World) -> None:
    old, _ = await switched(world)
    for _ in range(8):
        world.outside.clock.advance(timedelta(days=2))
        hosts = HostsTraffic(
            cdn_requests=4, api_requests=9, last_request_at=world.outside.clock.now
        )
        world.outside.traffic = TrafficAnswer(hosts=hosts, undelivered=0)
        await world.step()
    (finding,) = [one for one in world.seen(old).findings if one.code == "move-drains"]

    assert world.word(old) is Word.MOVING
    assert "4 requests to evs.cdp.shop.com and 9 to api.cdp.shop.com" in finding.sentence


async def test_the_old_domain_is_removed_after_a_quiet_day(world: World) -> None:
    old, new = await switched(world)
    await world.step()
    since = world.outside.clock()
    world.outside.clock.advance(QUIET - timedelta(minutes=20))
    await world.steps(3)
    before = world.word(old)
    await world.until(old, Word.REMOVED)

    assert before is Word.MOVING
    assert QUIET <= world.outside.clock() - since < QUIET + timedelta(hours=1)
    assert world.word(new) is Word.LIVE
    assert [one.name for one in world.outside.edge_domains()] == ["data.shop.com"]
    assert world.words(old)[-3:] == ["moving", "removing", "removed"]


async def test_a_log_that_does_not_answer_ends_no_move(world: World) -> None:
    old, _ = await switched(world)
    world.outside.traffic = TrafficAnswer(hosts=None, undelivered=None)
    world.outside.clock.advance(timedelta(days=30))
    await world.steps(5)

    assert world.word(old) is Word.MOVING


async def test_without_its_successor_the_old_domain_is_what_it_was(world: World) -> None:
    old, new = await switched(world)
    now = world.outside.clock()
    remove_domain(world.store, SYSTEM, new.id, rules=RULES, now=now, drains=False)
    await world.steps(6)

    assert world.word(old) is Word.LIVE
    assert world.codes(old) == []
    assert home(world) == "cdp.shop.com"
    assert not world.outside.edge_domains()[0].is_draining


@pytest.mark.parametrize("is_live", [True, False])
async def test_without_the_old_domain_the_new_one_goes_its_way(
    world: World, *, is_live: bool
) -> None:
    if is_live:
        old, new = await switched(world)
    else:
        old = await live(world)
        new = move(world, old)
    now = world.outside.clock()
    remove_domain(world.store, SYSTEM, old.id, rules=RULES, now=now)
    world.delegate(new)
    await world.until(new, Word.LIVE)
    await world.until(old, Word.REMOVED)

    assert state(world, new) is None
    assert home(world) == "data.shop.com"


async def test_a_certificate_of_the_old_domain_is_renewed_while_it_moves(world: World) -> None:
    old = await live(world)
    move(world, old)
    certificate = world.case(old).certificate
    assert certificate is not None
    world.outside.clock.now = certificate.not_after - timedelta(days=1)
    await world.steps(30)
    renewed = world.case(old).certificate

    assert renewed is not None
    assert renewed.id != certificate.id


async def test_what_is_being_moved_is_neither_moved_again_nor_paused(world: World) -> None:
    old = await live(world)
    move(world, old)
    with pytest.raises(Conflict) as again:
        move(world, old, "third.shop.com")
    with pytest.raises(Conflict) as paused:
        pause_domain(world.store, SYSTEM, old.id, rules=RULES, now=NOW)

    assert (again.value.code, paused.value.code) == ("domain-moving", "domain-moving")


@pytest.mark.parametrize(
    ("intent", "code"), [(Intent.PAUSED, "domain-paused"), (Intent.REMOVED, "domain-removed")]
)
async def test_only_a_domain_in_service_is_moved(intent: Intent, code: str, world: World) -> None:
    old = await live(world)
    world.change_intent(old, intent)
    with pytest.raises(Conflict) as refused:
        move(world, old)

    assert refused.value.code == code


async def test_a_domain_that_was_never_live_is_not_moved(world: World) -> None:
    old = world.ask_for(name="cdp.shop.com")
    with pytest.raises(Conflict) as refused:
        move(world, old)

    assert refused.value.code == "domain-never-live"


@pytest.mark.parametrize("state", MoveState)
def test_a_move_takes_only_the_steps_of_its_table(state: MoveState) -> None:
    moved = Move(old_id="dom_1", new_id="dom_2", state=state, changed_at=NOW)
    for goal in MoveState:
        if goal in TRANSITIONS[state]:
            assert advance_move(moved, goal, at=NOW).state is goal
        else:
            with pytest.raises(IllegalTransition):
                advance_move(moved, goal, at=NOW)
