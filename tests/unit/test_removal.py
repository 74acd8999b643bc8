from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.model.claims import ClaimState
from firstparty.model.domains import Domain, build_records
from firstparty.model.status import CertificateStatus, Intent, Word
from firstparty.reconciler.drain import DrainLimits
from firstparty.reconciler.traffic import HostsTraffic, TrafficAnswer
from tests.fakes.reconciled import SERVICE, World

LIMITS = DrainLimits()
DEAD_LOG = TrafficAnswer(hosts=None, undelivered=None)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def live(world: World) -> Domain:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    return domain


def busy(world: World) -> TrafficAnswer:
    hosts = HostsTraffic(cdn_requests=3, api_requests=5, last_request_at=world.outside.clock())
    return TrafficAnswer(hosts=hosts, undelivered=0)


async def test_a_removed_domain_is_served_and_not_renewed_until_it_was_quiet(
    world: World,
) -> None:
    domain = await live(world)
    certificate = world.case(domain).certificate
    assert certificate is not None
    world.outside.clock.now = certificate.not_after - timedelta(days=1)
    world.change_intent(domain, Intent.REMOVED)
    since = world.outside.clock()
    await world.step()
    draining, codes, edge = world.word(domain), world.codes(domain), world.outside.edge_domains()
    await world.until(domain, Word.REMOVED)
    case = world.case(domain)

    assert (draining, codes) == (Word.REMOVING, ["draining"])
    assert [(one.is_draining, one.certificate is not None) for one in edge] == [(True, True)]
    assert world.outside.clock() - since == LIMITS.quiet
    assert (case.zone, world.outside.edge_domains()) == (None, [])
    assert case.claim.state is ClaimState.RELEASED
    assert case.observation.statuses.certificate is CertificateStatus.NONE
    assert world.words(domain)[-2:] == ["removing", "removed"]


async def test_a_domain_that_is_not_removed_does_not_count_its_requests(world: World) -> None:
    await live(world)
    (edge,) = world.outside.edge_domains()

    assert not edge.is_draining


async def test_requests_keep_a_removed_domain_served_and_are_told(world: World) -> None:
    domain = await live(world)
    world.change_intent(domain, Intent.REMOVED)
    for _ in range(30):
        world.outside.traffic = busy(world)
        await world.step()
    word, (finding,) = world.word(domain), world.seen(domain).findings
    last = world.outside.clock()
    await world.until(domain, Word.REMOVED)

    assert word is Word.REMOVING
    assert finding.code == "still-requested"
    assert "evs.cdp.shop.test (3 requests) and api.cdp.shop.test (5 requests)" in finding.sentence
    assert timedelta() < world.outside.clock() - last <= LIMITS.quiet + timedelta(minutes=1)


async def test_undelivered_messages_keep_a_removed_domain(world: World) -> None:
    domain = await live(world)
    world.outside.traffic = TrafficAnswer(hosts=HostsTraffic(), undelivered=7)
    world.change_intent(domain, Intent.REMOVED)
    await world.steps(20)
    codes, word = world.codes(domain), world.word(domain)
    world.outside.traffic = TrafficAnswer(hosts=HostsTraffic(), undelivered=0)
    await world.step()

    assert (word, codes) == (Word.REMOVING, ["messages-wait"])
    assert world.word(domain) is Word.REMOVED


@pytest.mark.parametrize(
    "stuck", [DEAD_LOG, TrafficAnswer(hosts=HostsTraffic(), undelivered=7)], ids=["dead", "stuck"]
)
async def test_after_a_week_a_removed_domain_goes_whatever_waits(
    world: World, stuck: TrafficAnswer
) -> None:
    domain = await live(world)
    world.outside.traffic = stuck
    world.change_intent(domain, Intent.REMOVED)
    await world.step()
    world.outside.clock.advance(LIMITS.longest - timedelta(seconds=1))
    await world.step()
    before = world.word(domain)
    await world.until(domain, Word.REMOVED, most=3)  # its signatures may be due first

    assert before is Word.REMOVING
    assert world.word(domain) is Word.REMOVED


async def test_a_log_that_does_not_answer_is_no_proof_that_nobody_asks(world: World) -> None:
    domain = await live(world)
    world.outside.traffic = DEAD_LOG
    world.change_intent(domain, Intent.REMOVED)
    await world.step()
    world.outside.clock.advance(timedelta(hours=1))
    await world.step()

    assert world.word(domain) is Word.REMOVING
    assert world.codes(domain) == ["drain-unknown"]


async def test_at_once_means_at_once_also_for_a_domain_that_drains_already(world: World) -> None:
    domain = await live(world)
    world.outside.traffic = busy(world)
    world.change_intent(domain, Intent.REMOVED)
    await world.step()
    before = world.word(domain)
    world.change_intent(domain, Intent.REMOVED, drains=False)
    await world.step()

    assert (before, world.word(domain)) == (Word.REMOVING, Word.REMOVED)


async def test_a_domain_that_was_never_live_is_removed_in_one_step(world: World) -> None:
    domain = world.ask_for()
    await world.step()
    world.change_intent(domain, Intent.REMOVED)
    await world.step()

    assert world.word(domain) is Word.REMOVED
    assert world.case(domain).claim.state is ClaimState.RELEASED


async def test_records_of_a_removed_domain_are_named_until_they_are_deleted(world: World) -> None:
    domain = await live(world)
    world.change_intent(domain, Intent.REMOVED)
    await world.until(domain, Word.REMOVED)
    await world.steps(2)  # its certificate is revoked first
    (left,) = world.seen(domain).findings
    pause = world.due_at_next()
    world.outside.parent.nameservers.clear()
    await world.step()

    assert left.code == "records-left"
    assert left.surplus == build_records(domain, SERVICE.domain)
    assert pause == timedelta(days=1)
    assert world.seen(domain).findings == ()
    assert world.due_at_next() is None


async def test_the_owners_zone_is_not_asked_for_ever(world: World) -> None:
    domain = await live(world)
    world.change_intent(domain, Intent.REMOVED)
    await world.until(domain, Word.REMOVED)
    asked = world.outside.parent.asked
    await world.steps(100)

    assert world.outside.parent.asked - asked == 15
    assert world.due_at_next() is None


async def test_records_left_of_a_removed_domain_give_nobody_the_name(world: World) -> None:
    domain = await live(world)
    world.change_intent(domain, Intent.REMOVED)
    await world.until(domain, Word.REMOVED)
    thief = world.ask_for(id="dom_2", workspace_id="wsp_2", token="anothertoken00000002")
    await world.steps(5)

    assert world.word(thief) is Word.WAITING
    assert world.codes(thief) == ["delegated-elsewhere"]
    assert world.outside.edge_domains() == []


async def test_sources_that_another_domain_serves_do_not_keep_a_removed_one(world: World) -> None:
    domain = await live(world)
    other = world.ask_for(id="dom_2", name="data.shop.test", token="anothertoken00000002")
    world.change_intent(domain, Intent.REMOVED)
    while_pending = world.case(domain).lone_sources
    world.delegate(other)
    await world.until(other, Word.LIVE)

    assert while_pending == (1,)
    assert world.case(domain).lone_sources == ()
