"""Whatever goes wrong with a live domain is known in 5 minutes, and told once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.alerts.plan import is_told
from firstparty.model.claims import nameserver_names
from firstparty.model.domains import Domain, Mode
from firstparty.model.feed import CaaRecord
from firstparty.model.status import Word
from firstparty.reconciler.caa import CaaIssuer
from firstparty.resolver.caa import CaaFound
from firstparty.store import tables
from firstparty.store.news import list_changes
from tests.fakes.reconciled import SERVICE, World

FIVE_MINUTES = timedelta(minutes=5)
CAA = CaaFound(
    host="evs.cdp.shop.test",
    at="shop.test",
    records=(CaaRecord(flags=0, tag="issue", value="other.test"),),
)
Change = Callable[[World, Domain], None]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    made.service = replace(SERVICE, issuers=(CaaIssuer(identity="ca.test", accounts=("test",)),))
    yield made
    made.store.close()


def names(world: World, domain: Domain, *nameservers: str) -> None:
    world.outside.parent.nameservers[domain.name] = frozenset(nameservers)


def ours(domain: Domain) -> tuple[str, ...]:
    return nameserver_names(domain.token, SERVICE.domain)


def remove_records(world: World, domain: Domain) -> None:
    names(world, domain)


def delegate_elsewhere(world: World, domain: Domain) -> None:
    names(world, domain, "ns1.other.test", "ns2.other.test")


def remove_one_ns(world: World, domain: Domain) -> None:
    names(world, domain, ours(domain)[0])


def add_a_foreign_ns(world: World, domain: Domain) -> None:
    names(world, domain, *ours(domain), "ns1.other.test")


def add_a_ds(world: World, _: Domain) -> None:
    world.outside.parent.ds = frozenset({"1 13 2 " + "00" * 32})


def silence_the_parent(world: World, _: Domain) -> None:
    world.outside.parent.is_silent = True


def fail_a_host(world: World, _: Domain) -> None:
    world.outside.edge_trouble = "its certificate is not one to trust for this name"


def change_a_cname(world: World, domain: Domain) -> None:
    world.outside.parent.cnames[domain.api_host] = ("elsewhere.test",)


def remove_a_cname(world: World, domain: Domain) -> None:
    world.outside.parent.cnames[domain.cdn_host] = ()


def have_addresses(address: str) -> Change:
    def change(world: World, domain: Domain) -> None:
        remove_a_cname(world, domain)
        world.outside.parent.addresses[domain.cdn_host] = (address,)

    return change


def forbid_by_caa(world: World, _: Domain) -> None:
    world.outside.caa = (CAA,)


def mend(world: World, domain: Domain) -> None:
    outside = world.outside
    outside.parent.ds, outside.parent.is_silent = frozenset(), False
    outside.parent.addresses.clear()
    outside.edge_trouble, outside.caa = None, ()
    (world.point if domain.mode is Mode.CNAME else world.delegate)(domain)


BY_DELEGATION = [
    (remove_records, "not-delegated", Word.FAILING),
    (delegate_elsewhere, "delegated-elsewhere", Word.FAILING),
    (remove_one_ns, "partly-delegated", Word.WARNING),
    (add_a_foreign_ns, "delegated-to-others-too", Word.WARNING),
    (add_a_ds, "stale-ds", Word.WARNING),
    (silence_the_parent, "could-not-check", Word.LIVE),
    (fail_a_host, "host-unreachable", Word.FAILING),
]
BY_CNAME = [
    (change_a_cname, "cname-wrong-target", Word.FAILING),
    (remove_a_cname, "cname-missing", Word.FAILING),
    (have_addresses("104.16.0.1"), "cname-proxied", Word.FAILING),
    (have_addresses("127.0.0.1"), "cname-flattened", Word.FAILING),
    (have_addresses("192.0.2.80"), "cname-wrong-target", Word.FAILING),
    (silence_the_parent, "could-not-check", Word.LIVE),
    (forbid_by_caa, "caa-forbids", Word.LIVE),
    (fail_a_host, "host-unreachable", Word.FAILING),
]


@pytest.mark.parametrize(
    ("mode", "change", "code", "word"),
    [
        *((Mode.DELEGATION, *row) for row in BY_DELEGATION),
        *((Mode.CNAME, *row) for row in BY_CNAME),
    ],
)
async def test_drift_is_known_in_five_minutes_and_told_once_as_is_its_end(
    mode: Mode, change: Change, code: str, word: Word, world: World
) -> None:
    domain = world.ask_for(mode=mode)
    mend(world, domain)
    await world.until(domain, Word.LIVE)
    await world.step()  # the first look of the watch: the next is a whole pause away
    told = len(told_of(world, domain))
    change(world, domain)
    since = world.outside.clock()
    while code not in world.codes(domain):
        await world.step()
    known = world.outside.clock() - since
    await world.steps(3)
    during = (world.word(domain), told_of(world, domain)[told:])
    mend(world, domain)
    for _ in range(20):
        if not world.codes(domain):
            break
        await world.step()

    assert known <= FIVE_MINUTES
    worse = [] if code == "could-not-check" else [word]
    assert during == (word, worse)
    assert world.codes(domain) == []
    assert told_of(world, domain)[told:] == [*worse, *([] if word is Word.LIVE else [Word.LIVE])]


def told_of(world: World, domain: Domain) -> list[Word]:
    """What a channel of the domain's workspace is told, in its order."""
    with world.store.read() as connection:
        changes = list_changes(connection, domain.workspace_id, after=0)
    return [one.word for one in changes if is_told(one)]


@pytest.mark.parametrize(
    ("mode", "change"),
    [
        (Mode.DELEGATION, delegate_elsewhere),
        (Mode.DELEGATION, remove_one_ns),
        (Mode.DELEGATION, fail_a_host),
        (Mode.CNAME, change_a_cname),
    ],
)
async def test_what_comes_and_goes_with_each_look_is_told_once(
    mode: Mode, change: Change, world: World
) -> None:
    domain = world.ask_for(mode=mode)
    mend(world, domain)
    await world.until(domain, Word.LIVE)
    told = len(told_of(world, domain))
    for number in range(16):
        (change if number % 2 else mend)(world, domain)
        await world.step()

    assert len(told_of(world, domain)[told:]) == 1
    assert world.count(tables.orders) == 1
