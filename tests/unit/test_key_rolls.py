"""The key of a zone is replaced, and whatever a cache remembers on the way still fits together."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.DNSKEY
import dns.rrset
import pytest

from firstparty.control.callers import SYSTEM
from firstparty.control.key_rolls import roll_key
from firstparty.errors import Conflict
from firstparty.model.dnssec import ds_texts
from firstparty.model.domains import Domain, Mode
from firstparty.model.key_rolls import (
    INTRODUCTION,
    RETIREMENT,
    TRANSITIONS,
    KeyRoll,
    ParentDs,
    RollState,
    next_state,
)
from firstparty.model.status import Intent, Word
from firstparty.store.key_rolls import add_key_roll, load_key_roll
from firstparty.store.zone_keys import load_dnskeys
from firstparty.zones.contents import Contents, RecordType, Rrset
from firstparty.zones.packing import unpack_contents
from tests.builders import NOW
from tests.fakes.reconciled import World
from tests.unit.test_signed_domains import RULES, a_live_one, signed_of

APEX = dns.name.from_text("cdp.shop.test")
OLD, NONE_OLD = ParentDs(has_old=True), ParentDs(has_old=False)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


@dataclass
class Seen:
    """What a resolver may remember: of one moment of the roll, the zone and the DS above it."""

    contents: Contents
    ds: frozenset[str]
    at: datetime

    def rrset(self, owner: str, rdtype: RecordType) -> dns.rrset.RRset:
        return build_rrset(owner, rdtype, self._set(owner, rdtype).rdatas)

    def signatures(self, owner: str, rdtype: RecordType) -> dns.rrset.RRset:
        found = self._set(owner, rdtype).signatures
        return build_rrset(owner, RecordType.RRSIG, found)

    def _set(self, owner: str, rdtype: RecordType) -> Rrset:
        return self.contents.owners[dns.name.from_text(owner).to_wire()].rrsets[rdtype]


def build_rrset(owner: str, rdtype: RecordType, rdatas: tuple[bytes, ...]) -> dns.rrset.RRset:
    kind = dns.rdatatype.RdataType(rdtype)
    found = [dns.rdata.from_wire(dns.rdataclass.IN, kind, one, 0, len(one)) for one in rdatas]
    return dns.rrset.from_rdata_list(dns.name.from_text(owner), 3600, found)


def validate(*, ds: frozenset[str], keys: Seen, data: Seen, owner: str, rdtype: RecordType) -> None:
    """As a resolver does that got each of the three at its own time; raises ValidationFailure."""
    now = max(keys.at, data.at).timestamp()
    there = keys.rrset("cdp.shop.test", RecordType.DNSKEY)
    trusted = [one for one in there if not ds or ds & set(ds_texts("cdp.shop.test", one.to_wire()))]
    entry = dns.rrset.from_rdata_list(APEX, 3600, trusted) if trusted else None
    if entry is None:
        raise dns.dnssec.ValidationFailure("no key is the DS's")
    signed = keys.signatures("cdp.shop.test", RecordType.DNSKEY)
    dns.dnssec.validate(there, signed, {APEX: entry}, now=now)
    dns.dnssec.validate(
        data.rrset(owner, rdtype), data.signatures(owner, rdtype), {APEX: there}, now=now
    )


def look(world: World, domain: Domain) -> Seen:
    contents = unpack_contents(signed_of(world, domain)[1].records)
    return Seen(contents=contents, ds=world.outside.parent.ds, at=world.outside.clock())


def state(world: World, domain: Domain) -> RollState | None:
    with world.store.read() as connection:
        roll = load_key_roll(connection, domain.id)
    return None if roll is None else roll.state


def ask_for_roll(world: World, domain: Domain) -> None:
    roll_key(world.store, SYSTEM, domain.id, rules=RULES, now=world.outside.clock())


def add_ds(world: World, domain: Domain) -> None:
    """The owner puts the DS that is shown to them in the place of all others."""
    ds = ds_texts(domain.name, signed_of(world, domain)[1].dnskey)[0]
    world.outside.parent.ds = frozenset({ds})


async def until(world: World, domain: Domain, wanted: RollState | None, most: int = 200) -> None:
    for _ in range(most):
        if state(world, domain) is wanted:
            return
        world.outside.clock.advance(timedelta(hours=1))
        world.wake(domain)
        await world.step()
    raise AssertionError(f"{state(world, domain)} and not {wanted}")


async def roll_through(world: World, domain: Domain) -> list[Seen]:
    """What is seen before the roll, in each of its states and each DS there, and after it."""
    seen = [look(world, domain)]
    ask_for_roll(world, domain)
    await until(world, domain, RollState.INTRODUCED)
    seen.append(look(world, domain))
    await until(world, domain, RollState.ANNOUNCED)
    seen.append(look(world, domain))
    add_ds(world, domain)
    seen.append(look(world, domain))
    await until(world, domain, RollState.RETIRING)
    seen.append(look(world, domain))
    await until(world, domain, None)
    seen.append(look(world, domain))
    return seen


async def test_at_every_step_what_is_new_fits_to_what_is_remembered_of_the_step_before(
    world: World,
) -> None:
    domain = await a_live_one(world)
    add_ds(world, domain)
    seen = await roll_through(world, domain)

    for before, after in pairwise(seen):
        for keys, data in ((before, after), (after, before), (after, after)):
            for ds in (before.ds, after.ds):
                for owner, rdtype in (
                    ("evs.cdp.shop.test", RecordType.A),
                    ("cdp.shop.test", RecordType.CDS),
                    ("cdp.shop.test", RecordType.NSEC),
                ):
                    validate(ds=ds, keys=keys, data=data, owner=owner, rdtype=rdtype)
    assert world.word(domain) is Word.LIVE
    assert world.codes(domain) == []
    with pytest.raises(dns.dnssec.ValidationFailure):  # so the steps between are needed
        validate(
            ds=seen[0].ds,
            keys=seen[-1],
            data=seen[-1],
            owner="evs.cdp.shop.test",
            rdtype=RecordType.A,
        )


async def test_the_parent_is_told_of_the_new_key_once_every_cache_has_it(world: World) -> None:
    domain = await a_live_one(world)
    add_ds(world, domain)
    seen = await roll_through(world, domain)
    told = [one.rrset("cdp.shop.test", RecordType.CDNSKEY)[0].to_wire() for one in seen]
    keys = [len(one.rrset("cdp.shop.test", RecordType.DNSKEY)) for one in seen]

    assert told == [told[0], told[0], *[told[-1]] * 4]
    assert told[0] != told[-1]
    assert keys == [1, 2, 2, 2, 2, 1]


async def test_until_the_owner_changes_the_ds_both_keys_stay_and_it_is_said(world: World) -> None:
    domain = await a_live_one(world)
    add_ds(world, domain)
    old = world.outside.parent.ds
    ask_for_roll(world, domain)
    await until(world, domain, RollState.ANNOUNCED)
    for _ in range(50):
        world.outside.clock.advance(timedelta(days=1))
        world.wake(domain)
        await world.step()
    (finding,) = (one for one in world.seen(domain).findings if one.code == "ds-outdated")

    assert state(world, domain) is RollState.ANNOUNCED
    assert world.word(domain) is Word.LIVE
    assert {one.value for one in finding.surplus} == old
    (wanted,) = finding.records
    assert wanted.value == ds_texts(domain.name, signed_of(world, domain)[1].dnskey)[0]
    assert {wanted.value}.isdisjoint(old)


async def test_a_zone_that_lacks_the_new_key_is_signed_again_at_the_next_look(
    world: World,
) -> None:
    domain = await a_live_one(world)
    now = world.outside.clock()
    dnskey, sealed = world.reconciler().signing.make_key(domain.id)
    roll = KeyRoll(
        domain_id=domain.id,
        state=RollState.INTRODUCED,
        since=now,
        dnskey=dnskey,
        sealed_key=sealed,
    )
    before = signed_of(world, domain)[1].other_dnskey
    with world.store.write() as connection:
        add_key_roll(connection, roll)
    world.wake(domain)
    await world.step()

    assert before == b""
    assert signed_of(world, domain)[1].other_dnskey == dnskey


async def test_an_old_ds_that_is_put_back_keeps_its_key(world: World) -> None:
    domain = await a_live_one(world)
    add_ds(world, domain)
    old = world.outside.parent.ds
    ask_for_roll(world, domain)
    await until(world, domain, RollState.ANNOUNCED)
    add_ds(world, domain)
    await until(world, domain, RollState.RETIRING)
    world.outside.parent.ds = old
    await until(world, domain, RollState.ANNOUNCED)
    world.outside.clock.advance(2 * RETIREMENT)
    world.wake(domain)
    await world.step()

    assert state(world, domain) is RollState.ANNOUNCED


async def test_a_zone_without_a_ds_has_its_new_key_by_time_alone(world: World) -> None:
    domain = await a_live_one(world)
    with world.store.read() as connection:
        before = load_dnskeys(connection, [domain.id])
    ask_for_roll(world, domain)
    await until(world, domain, RollState.RETIRING)
    await until(world, domain, None)
    with world.store.read() as connection:
        after = load_dnskeys(connection, [domain.id])

    assert before.keys() == after.keys()
    assert before != after
    assert signed_of(world, domain)[1].dnskey == after[domain.id]


async def test_a_parent_that_is_silent_ends_nothing(world: World) -> None:
    domain = await a_live_one(world)
    add_ds(world, domain)
    ask_for_roll(world, domain)
    await until(world, domain, RollState.ANNOUNCED)
    world.outside.parent.ds = frozenset()
    world.outside.parent.dead = frozenset({"ns2"})
    for _ in range(5):
        world.outside.clock.advance(RETIREMENT)
        world.wake(domain)
        await world.step()

    assert state(world, domain) is RollState.ANNOUNCED


async def test_only_one_at_a_time_and_only_where_there_is_a_key(world: World) -> None:
    domain = await a_live_one(world)
    waiting = world.ask_for(
        id="dom_2", name="data.other.test", token="tokentwo", source_ids=(), mode=Mode.CNAME
    )
    ask_for_roll(world, domain)
    codes = []
    for one in (domain, waiting):
        with pytest.raises(Conflict) as refused:
            ask_for_roll(world, one)
        codes.append(refused.value.code)
    world.change_intent(domain, Intent.REMOVED)
    with pytest.raises(Conflict) as refused:
        ask_for_roll(world, domain)

    assert codes == ["key-roll-under-way", "zone-not-signed"]
    assert refused.value.code == "domain-removed"


@pytest.mark.parametrize(
    ("now_in", "age", "parent", "then"),
    [
        (RollState.ASKED, timedelta(), None, RollState.INTRODUCED),
        (RollState.INTRODUCED, INTRODUCTION - timedelta(seconds=1), OLD, RollState.INTRODUCED),
        (RollState.INTRODUCED, INTRODUCTION, None, RollState.ANNOUNCED),
        (RollState.ANNOUNCED, RETIREMENT, None, RollState.ANNOUNCED),
        (RollState.ANNOUNCED, RETIREMENT, OLD, RollState.ANNOUNCED),
        (RollState.ANNOUNCED, timedelta(), NONE_OLD, RollState.RETIRING),
        (RollState.RETIRING, RETIREMENT, None, RollState.RETIRING),
        (RollState.RETIRING, RETIREMENT, OLD, RollState.ANNOUNCED),
        (RollState.RETIRING, RETIREMENT - timedelta(seconds=1), NONE_OLD, RollState.RETIRING),
        (RollState.RETIRING, RETIREMENT, NONE_OLD, RollState.DONE),
    ],
)
def test_each_state_lasts_as_long_as_something_may_be_remembered(
    now_in: RollState, age: timedelta, parent: ParentDs | None, then: RollState
) -> None:
    roll = KeyRoll(domain_id="dom_1", state=now_in, since=NOW)
    found = next_state(roll, parent, now=NOW + age)

    assert found is then
    assert found is now_in or found in TRANSITIONS[now_in]
