"""Whose turn it is: limits kept over a store, other authorities when one fails, staging first."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.certs.progress import Rejected, TryLater
from firstparty.config.rates import Rate
from firstparty.model.authorities import Use
from firstparty.model.domains import Domain
from firstparty.model.status import CertificateStatus, Intent, Word
from firstparty.reconciler.choice import Choice
from firstparty.store import tables
from tests.fakes.authority import AuthorityInMemory
from tests.fakes.reconciled import World

DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


def limit(world: World, use: Use, most: int, window: timedelta) -> None:
    rate = Rate(most=most, window=window)
    world.outside.choices = (Choice(authority=world.outside.authority, limits={use: rate}),)


def two_authorities(world: World) -> tuple[AuthorityInMemory, AuthorityInMemory]:
    first, second = (AuthorityInMemory(clock=world.outside.clock, name=one) for one in ("a", "b"))
    world.outside.choices = (Choice(authority=first), Choice(authority=second))
    return first, second


def ask_for_many(world: World, number: int) -> list[Domain]:
    domains = []
    for one in range(number):
        name = f"cdp.shop{one}.test"
        token = f"tokenofthisclaim{one:04}"
        domain = world.ask_for(id=f"dom_{one}", name=name, token=token, source_ids=())
        world.delegate(domain)
        domains.append(domain)
    return domains


def words(world: World, domains: list[Domain]) -> list[str]:
    return [world.word(domain) for domain in domains]


async def test_new_domains_wait_for_their_turn_and_are_told_when_it_is(world: World) -> None:
    limit(world, Use.ORDERS, 3, timedelta(hours=3))  # two of three are used
    start = world.outside.clock()
    domains = ask_for_many(world, 5)
    while world.due_at_next() == timedelta() or world.outside.clock() < start + timedelta(
        minutes=1
    ):
        await world.step()
    early = words(world, domains)
    waiting = [one for one in domains if world.word(one) is Word.ISSUING]
    findings = [finding for one in waiting for finding in world.seen(one).findings]
    turns = sorted(one.look_again_at for one in findings if one.look_again_at is not None)
    for _ in range(2):
        world.outside.clock.advance(timedelta(hours=3))
        for _ in range(12):
            await world.step()

    assert early.count(Word.LIVE) == 2
    assert {one.code for one in findings} == {"certificate-queued"}
    assert [round((turn - start) / timedelta(hours=3)) for turn in turns] == [1, 1, 2]
    assert words(world, domains) == [Word.LIVE] * 5


async def test_a_removed_domain_gives_its_turn_back(world: World) -> None:
    limit(world, Use.ORDERS, 1, DAY)
    first, second = ask_for_many(world, 2)
    await world.until(first, Word.LIVE)
    await world.steps(20)
    promised = world.count(tables.uses)
    world.change_intent(second, Intent.REMOVED)
    await world.steps(3)

    assert (promised, world.count(tables.uses)) == (2, 1)


async def test_two_reconcilers_never_use_the_same_turn(world: World) -> None:
    limit(world, Use.ORDERS, 3, DAY)
    ask_for_many(world, 5)
    while world.due_at_next() == timedelta():
        leases = world.lease()
        for number, lease in enumerate(leases):
            other = world.reconciler()
            await (other if number % 2 else world.reconciler()).work_on(lease)
    for _ in range(12):
        await world.step()

    assert len(world.outside.authority.orders) == 2


async def test_orders_that_came_to_nothing_do_not_use_up_the_week_of_their_names(
    world: World,
) -> None:
    limit(world, Use.DUPLICATES, 5, 7 * DAY)
    domain = world.ask_for()
    world.delegate(domain)
    world.outside.authority.misbehave = [Rejected(problem="dns", detail="No.")] * 8
    start = world.outside.clock()
    await world.until(domain, Word.LIVE, most=200)

    assert world.outside.clock() - start < 8 * DAY


async def test_failed_validations_of_a_host_are_counted_and_waited_for(world: World) -> None:
    limit(world, Use.FAILURES, 2, DAY)
    domain = world.ask_for()
    world.delegate(domain)
    world.outside.authority.misbehave = [Rejected(problem="unauthorized", detail="No.")]
    await world.until(domain, Word.FAILING)
    start = world.outside.clock()
    await world.step()
    codes = world.codes(domain)
    await world.until(domain, Word.LIVE)

    assert codes == ["certificate-queued"]
    assert world.outside.clock() - start > timedelta(hours=23)


async def test_what_the_ca_refuses_for_other_reasons_is_no_failed_validation(world: World) -> None:
    limit(world, Use.FAILURES, 2, DAY)
    domain = world.ask_for()
    world.delegate(domain)
    world.outside.authority.misbehave = [Rejected(problem="rejectedIdentifier", detail="No.")]
    await world.until(domain, Word.FAILING)
    start = world.outside.clock()
    await world.until(domain, Word.LIVE)

    assert world.outside.clock() - start < timedelta(minutes=2)


async def test_when_a_ca_is_down_the_next_one_issues(world: World) -> None:
    first, second = two_authorities(world)
    first.misbehave = [TryLater(reason="away")] * 100
    domain = world.ask_for()
    world.delegate(domain)
    start = world.outside.clock()
    await world.until(domain, Word.LIVE, most=100)
    case = world.case(domain)

    assert case.certificate is not None
    assert case.certificate.authority == "b"
    assert world.outside.clock() - start < timedelta(minutes=3)
    assert len(second.certified_keys) == 1
    assert world.count(tables.certificates) == 1


async def test_after_many_domains_failed_the_others_do_not_ask_that_ca_at_all(
    world: World,
) -> None:
    first, _ = two_authorities(world)
    first.misbehave = [TryLater(reason="away")] * 1000
    domains = ask_for_many(world, 5)
    for domain in domains:
        await world.until(domain, Word.LIVE, most=200)
    asked = 1000 - len(first.misbehave)
    late = world.ask_for(id="dom_late", token="tokenofthisclaim9999", source_ids=())
    world.delegate(late)
    await world.until(late, Word.LIVE)

    assert 1000 - len(first.misbehave) == asked


async def test_a_ca_that_is_back_is_asked_first_again(world: World) -> None:
    first, _ = two_authorities(world)
    first.misbehave = [TryLater(reason="away")] * 4
    (one,) = ask_for_many(world, 1)
    await world.until(one, Word.LIVE, most=100)
    world.outside.clock.advance(timedelta(minutes=11))
    other = world.ask_for(id="dom_late", token="tokenofthisclaim9999", source_ids=())
    world.delegate(other)
    await world.until(other, Word.LIVE)
    case = world.case(other)

    assert case.certificate is not None
    assert case.certificate.authority == "a"
    assert world.count(tables.breakers) == 0


async def test_a_refused_name_is_no_reason_to_leave_a_ca(world: World) -> None:
    first, second = two_authorities(world)
    first.misbehave = [Rejected(problem="dns", detail="No.")] * 6
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE, most=200)

    assert second.orders == {}


async def test_when_a_cas_turn_is_later_the_next_one_issues_now(world: World) -> None:
    first, second = two_authorities(world)
    rate = Rate(most=1, window=DAY)
    world.outside.choices = (
        Choice(authority=first, limits={Use.ORDERS: rate}),
        Choice(authority=second),
    )
    for domain in ask_for_many(world, 3):
        await world.until(domain, Word.LIVE)

    assert (len(first.orders), len(second.orders)) == (1, 2)


async def test_after_a_refusal_staging_must_issue_before_the_ca_is_asked_again(
    world: World,
) -> None:
    real, staging = (
        AuthorityInMemory(clock=world.outside.clock, name=one) for one in ("a", "a (staging)")
    )
    world.outside.choices = (Choice(authority=real, staging=staging),)
    real.misbehave = [Rejected(problem="dns", detail="No.")]
    staging.misbehave = [Rejected(problem="dns", detail="Still no.")] * 2
    domain = world.ask_for()
    world.delegate(domain)
    seen = []
    while world.word(domain) is not Word.LIVE:
        await world.step()
        seen.append((len(real.orders), len(staging.orders), world.count(tables.certificates)))
    case = world.case(domain)

    assert (0, 1, 0) in seen
    assert seen[-1] == (1, 1, 1)
    assert case.certificate is not None
    assert case.certificate.authority == "a"
    assert len(real.certified_keys) == len(staging.certified_keys) == 1
    assert real.certified_keys != staging.certified_keys


async def test_a_renewal_does_not_wait_behind_new_domains(world: World) -> None:
    limit(world, Use.ORDERS, 1, timedelta(days=100))
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    world.outside.clock.advance(timedelta(days=61))
    for _ in range(12):
        await world.step()

    assert world.count(tables.certificates) == 2
    assert world.seen(domain).statuses.certificate is CertificateStatus.VALID
