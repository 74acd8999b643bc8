"""A domain by CNAME from asked-for to live and gone, with the outside world in memory."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstparty.model.claims import ClaimState, cname_targets
from firstparty.model.domains import Mode
from firstparty.model.status import Intent, Word
from tests.fakes.reconciled import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def test_it_goes_live_and_no_challenge_is_left(world: World) -> None:
    domain = world.ask_for(mode=Mode.CNAME)
    world.point(domain)
    await world.until(domain, Word.LIVE)

    assert world.words(domain) == ["verifying", "issuing", "live"]
    assert world.case(domain).zone is None
    assert world.outside.tokens() == []
    assert [one.names for one in world.outside.targets()] == [
        cname_targets(domain.token, "fp.test")
    ]


async def test_its_challenges_are_at_the_edge_while_the_ca_looks(world: World) -> None:
    domain = world.ask_for(mode=Mode.CNAME)
    world.point(domain)
    async with asyncio.timeout(30):
        while not (tokens := world.outside.tokens()):
            await world.step()

    assert sorted(one.host for one in tokens) == sorted(domain.hosts)
    assert all(one.expires_at > world.outside.clock() for one in tokens)


async def test_nothing_but_its_targets_is_published_before_it_is_proved(world: World) -> None:
    domain = world.ask_for(mode=Mode.CNAME)
    for _ in range(3):
        await world.step()

    assert world.codes(domain) == ["cname-missing"]
    assert world.outside.edge_domains() == []
    assert len(world.outside.targets()) == 1


async def test_its_targets_are_gone_after_it_is_removed(world: World) -> None:
    domain = world.ask_for(mode=Mode.CNAME)
    world.point(domain)
    await world.until(domain, Word.LIVE)
    world.change_intent(domain, Intent.REMOVED)
    await world.until(domain, Word.REMOVED)

    assert world.word(domain) is Word.REMOVED
    assert world.outside.targets() == []
    assert world.case(domain).claim.state is ClaimState.RELEASED


async def test_cnames_of_an_old_claim_prove_nothing_for_a_new_one(world: World) -> None:
    old = world.ask_for(mode=Mode.CNAME)
    world.point(old)
    new = world.ask_for(
        id="dom_2", workspace_id="wsp_2", token="tokentwo", source_ids=(), mode=Mode.CNAME
    )
    for _ in range(5):
        await world.step()

    assert world.case(new).claim.state is ClaimState.PENDING
    assert world.codes(new) == ["cname-wrong-target"]


async def test_a_newer_claim_that_the_hosts_point_at_takes_the_name_over(world: World) -> None:
    earlier = world.ask_for(mode=Mode.CNAME)
    world.point(earlier)
    await world.until(earlier, Word.LIVE)
    later = world.ask_for(
        id="dom_2", workspace_id="wsp_2", token="tokentwo", source_ids=(), mode=Mode.CNAME
    )
    world.point(later)
    await world.until(later, Word.LIVE)
    world.wake(earlier)
    await world.step()

    assert world.codes(earlier) == ["superseded"]
    assert [one.names[0] for one in world.outside.targets()] == ["c-tokentwo.edge.fp.test"]


async def test_a_claim_of_other_hosts_of_a_proved_name_does_not_take_it(world: World) -> None:
    first = world.ask_for(mode=Mode.CNAME)
    world.point(first)
    await world.until(first, Word.LIVE)
    second = world.ask_for(
        id="dom_2",
        workspace_id="wsp_2",
        token="tokentwo",
        source_ids=(),
        mode=Mode.CNAME,
        cdn_label="js",
        api_label="in",
    )
    world.point(second)
    for _ in range(3):
        await world.step()

    assert world.codes(second) == ["name-conflict"]
    assert world.case(second).claim.state is ClaimState.PENDING
    assert world.word(first) is Word.LIVE


async def test_a_host_that_points_elsewhere_is_said_after_two_looks(world: World) -> None:
    domain = world.ask_for(mode=Mode.CNAME)
    world.point(domain)
    await world.until(domain, Word.LIVE)
    world.outside.parent.cnames[domain.api_host] = ("elsewhere.test",)
    await world.until(domain, Word.FAILING)

    assert "cname-wrong-target" in world.codes(domain)


async def test_changing_ones_mind_from_cname_to_delegation_takes_the_name_over(
    world: World,
) -> None:
    first = world.ask_for(mode=Mode.CNAME)
    world.point(first)
    await world.until(first, Word.LIVE)
    second = world.ask_for(id="dom_2", workspace_id="wsp_2", token="tokentwo", source_ids=())
    world.delegate(second)
    await world.until(second, Word.LIVE)

    assert world.case(first).claim.state is ClaimState.RELEASED


async def test_the_ca_is_not_told_before_the_edges_answer(world: World) -> None:
    domain = world.ask_for(mode=Mode.CNAME)
    world.point(domain)
    async with asyncio.timeout(30):
        while not world.outside.tokens():
            await world.step()
    world.outside.are_servers_behind = True
    for _ in range(45):
        await world.step()
    (order,) = world.outside.authority.orders.values()

    assert not order.is_answered
    assert world.codes(domain) == ["challenges-unserved"]
    assert "edge.http_probe" in world.seen(domain).findings[0].sentence
