"""Certificates that their owner brings, between orders that the reconciler makes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.certs.keys import build_csr, new_private_key
from firstparty.certs.progress import Issued, Rejected
from firstparty.control.callers import SYSTEM
from firstparty.control.certificates import Try, TryState, import_certificate, list_tries
from firstparty.errors import Refused
from firstparty.model.certificates import IMPORTED
from firstparty.model.domains import Domain
from firstparty.model.status import CertificateStatus, Intent, Word
from firstparty.store import tables
from tests.fakes.authority import AuthorityInMemory
from tests.fakes.reconciled import EDGE_SEALER, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def bring(world: World, domain: Domain, lifetime: timedelta = timedelta(days=365)) -> Try:
    theirs = AuthorityInMemory(clock=world.outside.clock, lifetime=lifetime).issuer
    key = new_private_key()
    issued = await theirs.begin(domain.hosts, build_csr(key, domain.hosts))
    assert isinstance(issued, Issued)
    return import_certificate(
        world.store,
        SYSTEM,
        domain.id,
        chain=issued.chain,
        private_key=key.decode(),
        open_sealer=lambda: EDGE_SEALER,
        now=world.outside.clock(),
    )


async def test_a_domain_goes_live_with_the_certificate_that_was_brought(world: World) -> None:
    domain = world.ask_for()
    brought = await bring(world, domain)
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    (edge,) = world.outside.edge_domains()

    assert edge.certificate is not None
    assert edge.certificate.id == brought.id
    assert world.count(tables.orders) == 0


async def test_one_that_is_brought_ends_the_failing_of_an_order(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    world.outside.authority.misbehave = [Rejected(problem="caa", detail="No.")] * 9
    await world.until(domain, Word.FAILING)
    await bring(world, domain)
    await world.until(domain, Word.LIVE)
    tries = list_tries(world.store, SYSTEM, domain.id, now=world.outside.clock())

    assert world.codes(domain) == []
    assert {(one.authority, one.state) for one in tries} == {
        (IMPORTED, TryState.CURRENT),
        ("fake", TryState.FAILED),
    }
    assert "caa" in next(one.reason for one in tries if one.state is TryState.FAILED)


async def test_before_it_expires_one_by_acme_takes_its_place(world: World) -> None:
    domain = world.ask_for()
    await bring(world, domain)
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    world.outside.clock.advance(timedelta(days=357))
    for _ in range(3):
        await world.step()
    early = world.count(tables.certificates)
    world.outside.clock.advance(timedelta(days=2))
    for _ in range(12):
        await world.step()
    case = world.case(domain)

    assert (early, world.count(tables.certificates)) == (1, 2)
    assert case.certificate is not None
    assert case.certificate.authority == "fake"
    assert case.observation.statuses.certificate is CertificateStatus.VALID


async def test_it_is_not_ours_to_revoke(world: World) -> None:
    domain = world.ask_for()
    await bring(world, domain)
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    world.change_intent(domain, Intent.REMOVED)
    await world.steps()

    assert world.outside.authority.revoked == []
    assert world.case(domain).revocation is None


async def test_one_that_expires_too_soon_is_refused_with_the_reason(world: World) -> None:
    domain = world.ask_for()
    theirs = replace(domain, cdn_label="other")

    with pytest.raises(Refused, match="lives longer") as soon:
        await bring(world, domain, timedelta(minutes=5))
    with pytest.raises(Refused, match="and not for") as other:
        await bring(world, replace(theirs, id=domain.id))

    assert soon.value.code == "certificate-expires-soon"
    assert other.value.code == "certificate-unusable"
    assert world.count(tables.certificates) == 0
