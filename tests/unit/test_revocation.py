"""Certificates are revoked when their domain is over, whatever dies or is away meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.model.certificates import RevocationReason
from firstparty.model.domains import Domain
from firstparty.model.status import Intent, Word
from firstparty.store import certificates, tables
from tests.fakes.mortality import Mortal
from tests.fakes.reconciled import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def a_live_domain(world: World) -> Domain:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    return domain


def want_revocation(world: World, domain: Domain, reason: RevocationReason) -> None:
    with world.store.write() as connection:
        certificates.want_revocation(connection, domain.id, reason, now=world.outside.clock())
    world.wake(domain)


async def test_a_removed_domains_certificate_is_revoked_once(world: World) -> None:
    domain = await a_live_domain(world)
    world.change_intent(domain, Intent.REMOVED, drains=False)
    await world.steps()
    world.wake(domain)
    await world.steps()
    case = world.case(domain)

    assert case.certificate is not None
    assert case.certificate.revoked_at is not None
    assert case.revocation is None
    assert world.outside.authority.revoked == [
        (case.certificate.chain, RevocationReason.CESSATION_OF_OPERATION)
    ]
    assert world.word(domain) is Word.REMOVED
    assert world.codes(domain) == ["records-left"]


async def test_every_certificate_that_is_still_good_is_revoked(world: World) -> None:
    domain = await a_live_domain(world)
    world.outside.clock.advance(timedelta(days=61))
    for _ in range(12):
        await world.step()
    assert world.count(tables.certificates) == 2
    world.change_intent(domain, Intent.REMOVED, drains=False)
    await world.steps()

    assert len(world.outside.authority.revoked) == 2


async def test_a_revocation_waits_for_a_ca_that_is_away_and_says_so(world: World) -> None:
    domain = await a_live_domain(world)
    world.outside.authority.is_away = True
    world.change_intent(domain, Intent.REMOVED, drains=False)
    await world.steps(5)
    while_away = (world.codes(domain), world.due_at_next(), world.word(domain))
    world.outside.authority.is_away = False
    await world.steps()

    assert "revocation-waits" in while_away[0]
    assert while_away[1] is not None
    assert while_away[1] > timedelta()
    assert while_away[2] is Word.REMOVED  # nobody is served with it any more
    assert len(world.outside.authority.revoked) == 1
    assert world.codes(domain) == ["records-left"]


async def test_a_domain_in_service_gets_its_next_certificate_before_this_one_is_revoked(
    world: World,
) -> None:
    domain = await a_live_domain(world)
    first = world.case(domain).certificate
    assert first is not None
    want_revocation(world, domain, RevocationReason.KEY_COMPROMISE)
    served = []
    while not world.outside.authority.revoked:
        await world.step()
        served.append([one.certificate is not None for one in world.outside.edge_domains()])
    case = world.case(domain)

    assert case.certificate is not None
    assert case.certificate.id != first.id
    assert case.certificate.sealed_key != first.sealed_key
    assert world.outside.authority.revoked == [(first.chain, RevocationReason.KEY_COMPROMISE)]
    assert set(map(tuple, served)) == {(True,)}


async def test_while_no_successor_can_be_had_nothing_is_revoked_and_nobody_is_asked_in_a_loop(
    world: World,
) -> None:
    domain = await a_live_domain(world)
    world.outside.authority.refuse = True
    want_revocation(world, domain, RevocationReason.KEY_COMPROMISE)
    start = world.outside.clock()
    await world.steps(40)

    assert world.outside.authority.revoked == []
    assert world.outside.clock() - start > timedelta(minutes=2)


@pytest.mark.parametrize("lives", [1, 2])
async def test_a_death_while_revoking_costs_a_repeated_step(lives: int, world: World) -> None:
    domain = await a_live_domain(world)
    world.change_intent(domain, Intent.REMOVED, drains=False)
    await world.step()
    (lease,) = world.lease()
    died = not await Mortal(world.reconciler().work_on(lease), lives=lives)
    await world.steps()

    assert died
    assert len(world.outside.authority.revoked) >= 1
    assert world.case(domain).revocation is None
