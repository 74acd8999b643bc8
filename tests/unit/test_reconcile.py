from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.certs.progress import Rejected, TryLater
from firstparty.model.claims import ClaimState
from firstparty.model.observations import Step
from firstparty.model.status import DnsStatus, Intent, Word
from firstparty.reconciler.pauses import WATCH
from firstparty.store import tables
from tests.fakes.reconciled import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def test_a_delegated_domain_goes_live(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    case = world.case(domain)

    assert world.words(domain) == ["verifying", "issuing", "live"]
    assert case.claim.state is ClaimState.PROVED
    assert set(case.observation.stopwatch) == set(Step)
    assert case.observation.findings == ()
    assert world.count(tables.certificates) == 1
    assert [one.certificate is not None for one in world.outside.edge_domains()] == [True]


async def test_nothing_is_published_before_the_claim_is_proved(world: World) -> None:
    domain = world.ask_for()
    await world.steps(5)

    assert world.word(domain) is Word.WAITING
    assert world.codes(domain) == ["not-delegated"]
    assert world.count(tables.feed) == 0


async def test_the_parent_is_asked_every_two_seconds_at_first(world: World) -> None:
    world.ask_for()
    await world.step()

    assert world.due_at_next() == timedelta(seconds=2)


async def test_a_domain_without_dns_rests_after_14_days_and_goes_on_when_asked(
    world: World,
) -> None:
    domain = world.ask_for()
    await world.step()
    world.outside.clock.advance(timedelta(days=14))
    await world.step()
    resting = (world.codes(domain), world.due_at_next())
    world.delegate(domain)
    world.wake(domain)
    await world.until(domain, Word.LIVE)

    assert resting == (["rests", "not-delegated"], None)


async def test_challenges_are_out_of_the_zone_once_the_certificate_is_stored(
    world: World,
) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    serials = []
    texts = []
    while world.word(domain) is not Word.LIVE:
        await world.step()
        zone = world.case(domain).zone
        if zone is not None:
            serials.append(zone.serial)
            texts.append(len(zone.txt))

    assert max(texts) == 2
    assert texts[-1] == 0
    assert serials == sorted(serials)
    assert len(set(serials)) == 3


async def test_the_ca_is_told_only_after_our_servers_answer_its_challenges(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    while not world.outside.authority.orders:
        await world.step()
    world.outside.are_servers_behind = True
    await world.steps(50)
    (order,) = world.outside.authority.orders.values()
    told_while_behind = order.is_answered
    codes = world.codes(domain)
    world.outside.are_servers_behind = False
    await world.until(domain, Word.LIVE)

    assert not told_while_behind
    assert codes == ["challenges-unserved"]
    assert order.is_answered


async def test_a_refusal_is_said_in_the_cas_words_and_tried_again_after_a_minute(
    world: World,
) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    world.outside.authority.misbehave = [Rejected(problem="caa", detail="CAA forbids it.")]
    await world.until(domain, Word.FAILING)
    (finding,) = world.seen(domain).findings
    pause = world.due_at_next()
    world.wake(domain)
    await world.step()
    orders_after_a_check_now = world.count(tables.orders)
    await world.until(domain, Word.LIVE)

    assert "CAA forbids it." in finding.sentence
    assert finding.acts.value == "owner"
    assert pause == timedelta(minutes=1)
    assert orders_after_a_check_now == 1


async def test_pauses_after_refusals_grow_to_a_day(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    refused = Rejected(problem="unauthorized", detail="No.")
    pauses = []
    for _ in range(5):
        world.outside.authority.misbehave = [refused]
        while world.outside.authority.misbehave:
            await world.step()
        pauses.append(world.due_at_next())

    assert pauses == [timedelta(minutes=one) for one in (1, 10, 100, 24 * 60, 24 * 60)]


async def test_a_ca_that_is_away_keeps_the_order_and_its_retry_after_is_obeyed(
    world: World,
) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    world.outside.authority.misbehave = [TryLater(reason="busy", again=timedelta(minutes=7))]
    while world.outside.authority.misbehave:
        await world.step()
    pause, codes = world.due_at_next(), world.codes(domain)
    await world.until(domain, Word.LIVE)

    assert pause == timedelta(minutes=7)
    assert codes == ["ca-unavailable"]
    assert world.count(tables.orders) == 1


async def test_what_the_ca_issues_for_other_names_is_never_stored(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    while not world.outside.authority.orders:
        await world.step()
    (order,) = world.outside.authority.orders.values()
    order.names = ("evil.test",)
    await world.until(domain, Word.FAILING)

    assert world.codes(domain) == ["certificate-unusable"]
    assert world.count(tables.certificates) == 0


async def test_a_certificate_is_renewed_with_a_new_key_a_third_of_its_life_before_the_end(
    world: World,
) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    first = world.case(domain).certificate
    assert first is not None
    world.outside.clock.now = first.not_after - timedelta(days=31)
    await world.steps(3)
    before = world.count(tables.certificates)
    world.outside.clock.now = first.not_after - timedelta(days=30)
    await world.steps(12)

    assert before == 1
    assert world.count(tables.certificates) == 2
    assert len(set(world.outside.authority.certified_keys)) == 2
    assert world.word(domain) is Word.LIVE


async def test_a_live_domain_is_looked_at_every_few_minutes(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    await world.step()

    assert world.due_at_next() == WATCH


async def test_one_bad_look_changes_nothing_and_two_in_a_row_are_said(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    world.outside.edge_trouble = "no answer in time"
    await world.step()
    after_one = world.word(domain)
    await world.step()
    after_two, codes = world.word(domain), world.codes(domain)
    world.outside.edge_trouble = None
    await world.steps(2)

    assert after_one is Word.LIVE
    assert after_two is Word.FAILING
    assert codes == ["host-unreachable"]
    assert world.word(domain) is Word.LIVE


async def test_a_delegation_that_is_lost_is_said_and_found_again(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    world.outside.parent.nameservers.clear()
    await world.until(domain, Word.FAILING)
    lost, codes = world.seen(domain).statuses.dns, world.codes(domain)
    world.delegate(domain)
    await world.until(domain, Word.LIVE)

    assert lost is DnsStatus.LOST
    assert codes == ["not-delegated"]
    assert world.count(tables.certificates) == 1


async def test_parents_that_do_not_answer_do_not_make_a_live_domain_fail(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    world.outside.parent.is_silent = True
    await world.steps(5)

    assert world.word(domain) is Word.LIVE
    assert world.codes(domain) == ["could-not-check"]


async def test_a_paused_domain_stays_published_with_only_its_signatures_due(
    world: World,
) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    world.change_intent(domain, Intent.PAUSED)
    await world.step()
    paused = (world.word(domain), len(world.outside.edge_domains()))
    due = world.due_at_next()
    world.change_intent(domain, Intent.ACTIVE)
    await world.step()

    assert paused == (Word.PAUSED, 1)
    assert due is not None
    assert timedelta(days=6, hours=23) < due < timedelta(days=7)  # it was live for a moment
    assert world.word(domain) is Word.LIVE
    assert world.words(domain)[-2:] == ["paused", "live"]


async def test_an_outage_of_the_ca_that_lasts_hours_fails_no_order(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    world.outside.authority.misbehave = [TryLater(reason="down")] * 40
    while world.outside.authority.misbehave:
        await world.step()
    await world.until(domain, Word.LIVE)

    assert world.count(tables.orders) == 1


async def test_an_order_that_does_not_move_for_an_hour_is_given_up(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    while not world.outside.authority.orders:
        await world.step()
    world.outside.are_servers_behind = True
    world.outside.clock.advance(timedelta(hours=2))
    await world.step()
    codes = world.codes(domain)
    world.outside.are_servers_behind = False
    await world.until(domain, Word.LIVE)

    assert codes == ["order-stuck"]
    assert world.count(tables.orders) == 2
    assert world.count(tables.certificates) == 1


async def test_the_days_of_waiting_are_counted_anew_after_a_pause(world: World) -> None:
    domain = world.ask_for()
    await world.step()
    world.change_intent(domain, Intent.PAUSED)
    await world.step()
    world.outside.clock.advance(timedelta(days=30))
    world.change_intent(domain, Intent.ACTIVE)
    await world.step()

    assert world.due_at_next() == timedelta(seconds=2)


async def test_a_live_domain_is_watched_while_its_renewal_waits_for_the_ca(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    certificate = world.case(domain).certificate
    assert certificate is not None
    world.outside.clock.now = certificate.not_after - timedelta(days=29)
    refused = Rejected(problem="unauthorized", detail="No.")
    for _ in range(4):
        world.outside.authority.misbehave = [refused]
        while world.outside.authority.misbehave:
            await world.step()
    pauses = []
    for _ in range(4):
        await world.step()
        pauses.append(world.due_at_next())

    assert pauses == [WATCH] * 4
    assert world.word(domain) is Word.LIVE
    assert world.codes(domain) == ["ca-refused"]
