"""A domain by CNAME whose owner leads `_acme-challenge` to us: dns-01 in our own zone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstparty.certs.progress import Rejected
from firstparty.model.claims import challenge_targets
from firstparty.model.domains import Domain, Mode, build_optional_records
from firstparty.model.status import Word
from tests.fakes.reconciled import SERVICE, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


def lead(world: World, domain: Domain, *, hosts: int = 2) -> None:
    for record in build_optional_records(domain, SERVICE.domain)[:hosts]:
        name, target = record.name.removesuffix("."), record.value.removesuffix(".")
        world.outside.parent.cnames[name] = (target,)


async def values_while_the_ca_looks(world: World, domain: Domain) -> list[tuple[str, ...]]:
    """The TXT values of our zone, as soon as there are any; what there was if it is live first."""
    while world.word(domain) is not Word.LIVE:
        await world.step()
        (targets,) = world.outside.targets()
        if any(targets.challenges.values()):
            break
    return list(targets.challenges.values())


async def test_both_names_that_lead_to_us_get_the_challenges(world: World) -> None:
    domain = world.ask_for(mode=Mode.CNAME)
    world.point(domain)
    lead(world, domain)
    values = await values_while_the_ca_looks(world, domain)
    tokens = world.outside.tokens()
    await world.until(domain, Word.LIVE)
    (targets,) = world.outside.targets()

    assert [len(one) for one in values] == [1, 1]
    assert tokens == []
    assert targets.challenges == dict.fromkeys(challenge_targets(domain.token, "fp.test"), ())
    assert world.seen(domain).has_alias


@pytest.mark.parametrize("hosts", [0, 1])
async def test_with_less_than_both_the_edge_has_them(world: World, hosts: int) -> None:
    domain = world.ask_for(mode=Mode.CNAME)
    world.point(domain)
    lead(world, domain, hosts=hosts)
    values = await values_while_the_ca_looks(world, domain)

    assert values == [(), ()]
    assert world.word(domain) is Word.LIVE
    assert not world.seen(domain).has_alias


async def test_after_a_refusal_the_other_way_is_tried(world: World) -> None:
    domain = world.ask_for(mode=Mode.CNAME)
    world.point(domain)
    lead(world, domain)
    world.outside.authority.misbehave = [Rejected(problem="dns", detail="No TXT record.")]
    await world.until(domain, Word.FAILING)
    values = await values_while_the_ca_looks(world, domain)

    assert values == [(), ()]
    assert world.word(domain) is Word.LIVE
