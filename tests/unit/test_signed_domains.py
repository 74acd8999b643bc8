"""A domain's zone on its way through the reconciler: signed, signed again, and the DS above it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dns.rrset
import pytest

from firstparty.api.domain_answers import DomainAnswer
from firstparty.cli.domain_text import print_domain
from firstparty.control.rules import Rules
from firstparty.control.views import load_views
from firstparty.model.dnssec import ds_texts
from firstparty.model.domains import Domain
from firstparty.model.feed import SignedZone, Topic
from firstparty.model.names import NamePolicy
from firstparty.model.status import Intent, Word
from firstparty.store import zone_keys
from firstparty.store.feed import load_body
from firstparty.zones.contents import RecordType
from firstparty.zones.packing import unpack_contents
from tests.fakes.reconciled import CONTROL_SEALER, SERVICE, World

RULES = Rules(
    service_domain=SERVICE.domain,
    names=NamePolicy(own_names=()),
    upstreams={},
    https_port=443,
    authorities={},
    library=Path("no-library"),
    edge_key=Path("edge.key"),
)
OTHER_DS = frozenset({"12345 13 2 " + "ab" * 32})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def a_live_one(world: World) -> Domain:
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    return domain


def signed_of(world: World, domain: Domain) -> tuple[int, SignedZone]:
    zone = world.case(domain).zone
    assert zone is not None
    assert zone.signed is not None
    return zone.serial, zone.signed


async def test_the_key_of_a_zone_is_sealed_and_never_in_the_feed(world: World) -> None:
    domain = await a_live_one(world)
    with world.store.read() as connection:
        sealed = zone_keys.load_sealed_key(connection, domain.id)
        body = load_body(connection, Topic.ZONES, domain.id)
    assert sealed is not None
    assert body is not None
    private = CONTROL_SEALER.open(sealed, context=f"zone:{domain.id}")
    records = unpack_contents(signed_of(world, domain)[1].records)
    everything = b"".join(
        octets
        for owner in records.owners.values()
        for rrset in owner.rrsets.values()
        for octets in (*rrset.rdatas, *rrset.signatures)
    )

    assert len(private) == 32
    assert private not in sealed
    assert private not in body
    assert private not in everything
    assert signed_of(world, domain)[1].dnskey in everything


async def test_steps_that_change_nothing_in_the_zone_leave_its_signatures(world: World) -> None:
    domain = await a_live_one(world)
    before = signed_of(world, domain)
    for _ in range(5):
        await world.step()

    assert signed_of(world, domain) == before


@pytest.mark.parametrize("intent", [Intent.ACTIVE, Intent.PAUSED])
async def test_signatures_are_made_anew_with_a_fortnight_left_also_while_paused(
    world: World, intent: Intent
) -> None:
    domain = await a_live_one(world)
    world.change_intent(domain, intent)
    await world.step()
    serial, first = signed_of(world, domain)
    ends: set[timedelta] = set()
    while signed_of(world, domain)[1] == first:
        ends.add(first.expires_at - world.outside.clock())
        world.outside.clock.advance(timedelta(hours=24))
        world.wake(domain)
        await world.step()
    later_serial, second = signed_of(world, domain)

    assert min(ends) > timedelta(days=14)
    assert second.expires_at == world.outside.clock() + timedelta(days=21)
    assert second.dnskey == first.dnskey
    assert later_serial > serial


async def test_a_paused_domain_is_due_when_its_signatures_are(world: World) -> None:
    domain = await a_live_one(world)
    world.change_intent(domain, Intent.PAUSED)
    await world.step()
    wait = world.due_at_next()

    assert wait is not None
    assert timedelta(days=6) < wait <= timedelta(days=7)


async def test_a_changed_zone_is_signed_as_it_is_now(world: World) -> None:
    domain = world.ask_for()
    world.delegate(domain)
    seen = set()
    for _ in range(30):
        await world.step()
        zone = world.case(domain).zone
        if zone is None or zone.signed is None:
            continue
        contents = unpack_contents(zone.signed.records)
        soa = contents.owners[contents.apex].rrsets[RecordType.SOA].rdatas[0]
        owner = next(name for name in contents.owners if name.startswith(b"\x0f_acme-challenge"))
        texts = contents.owners[owner].rrsets[RecordType.TXT].rdatas
        seen.add(bool(zone.txt))

        assert int.from_bytes(soa[-20:-16], "big") == zone.serial
        assert (texts == (b"\x1ano challenge at the moment",)) is not bool(zone.txt)
    assert seen == {True, False}


async def test_our_ds_at_the_parent_is_right_and_shown_as_found(world: World) -> None:
    domain = await a_live_one(world)
    (ds, *_) = ds_texts(domain.name, signed_of(world, domain)[1].dnskey)
    world.outside.parent.ds = frozenset({ds})
    world.wake(domain)
    await world.step()
    with world.store.read() as connection:
        (view,) = load_views(connection, [domain], RULES)

    assert world.word(domain) is Word.LIVE
    assert not world.codes(domain)
    assert view.ds is not None
    assert view.ds.found
    assert dns.rrset.from_text(view.ds.record.name, 3600, "IN", "DS", view.ds.record.value)


async def test_the_ds_is_in_the_answer_of_the_api_and_at_the_terminal(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    domain = await a_live_one(world)
    ds = ds_texts(domain.name, signed_of(world, domain)[1].dnskey)[0]
    with world.store.read() as connection:
        (view,) = load_views(connection, [domain], RULES)
    answer = DomainAnswer.of(view).model_dump(mode="json")
    print_domain(answer)

    assert answer["ds"] == {
        "type": "DS",
        "name": "cdp.shop.test.",
        "value": ds,
        "ttl": 3600,
        "found": False,
    }
    assert f"cdp.shop.test. 3600 IN DS {ds}" in capsys.readouterr().out


async def test_ours_beside_another_is_right_too(world: World) -> None:
    domain = await a_live_one(world)
    (ds, *_) = ds_texts(domain.name, signed_of(world, domain)[1].dnskey)
    world.outside.parent.ds = OTHER_DS | {ds}
    world.wake(domain)
    await world.step()

    assert not world.codes(domain)


async def test_another_ds_is_said_with_ours_to_replace_it(world: World) -> None:
    domain = await a_live_one(world)
    world.outside.parent.ds = OTHER_DS
    for _ in range(2):
        world.wake(domain)
        await world.step()
    (finding,) = (one for one in world.seen(domain).findings if one.code == "stale-ds")
    ds = ds_texts(domain.name, signed_of(world, domain)[1].dnskey)[0]

    assert world.word(domain) is Word.WARNING
    assert [one.value for one in finding.surplus] == sorted(OTHER_DS)
    assert ("DS", ds) in {(one.type, one.value) for one in finding.records}
