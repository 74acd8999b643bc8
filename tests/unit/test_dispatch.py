"""The forwarder on a log in memory, stopped dead at any step and started again."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstparty.events.charts import build_point
from firstparty.forward.groups import UNREADABLE
from firstparty.forward.journal import Journal
from firstparty.forward.letters import DeadLetter
from firstparty.model.feed import FeedEntry, Topic
from firstparty.spool.entries import encode_group
from firstparty.spool.outcomes import Fenced, Shelf
from firstparty.spool.traffic import source_subject
from tests.builders import NOW
from tests.dispatching import SOURCES, World, a_directory
from tests.fakes.spool import FakeLog
from tests.forwarding import an_entry, first_sightings

MESSAGES = st.sampled_from(["good", "good", "good", "poison", ""])
GROUPS = st.lists(
    st.lists(st.tuples(st.sampled_from(SOURCES), st.lists(MESSAGES, max_size=6)), max_size=4),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60)
@given(groups=GROUPS, stops=st.lists(st.integers(1, 12), max_size=8))
def test_stopped_at_any_step_it_loses_nothing_and_bends_no_number(
    groups: list[list[tuple[int, list[str]]]], stops: list[int]
) -> None:
    asyncio.run(_forward_all(groups, stops))


async def _forward_all(groups: list[list[tuple[int, list[str]]]], stops: list[int]) -> None:
    world = World(stops)
    number = 0
    sent: dict[int, list[str]] = {source: [] for source in SOURCES}
    for group in groups:
        named = []
        for source, kinds in group:
            ids = []
            for kind in kinds:
                number += 1
                ids.append(f"{kind}-{source}-{number}" if kind else "")
            named.append((source, ids))
            sent[source] += ids
        await world.append(named)
    totals = {source: len(ids) for source, ids in sent.items()}

    ledger = await world.forward_until(
        lambda ledger: all(
            ledger.account(s).delivered + ledger.account(s).dead == totals[s] for s in SOURCES
        )
    )

    seen = first_sightings(world.upstream.taken)
    for source, ids in sent.items():
        good = [i for i in ids if i.startswith("good")]
        assert [i for i in seen if f"-{source}-" in i] == good
        account = ledger.account(source)
        assert (account.accepted, account.delivered, account.dead) == (
            len(ids),
            len(good),
            len(ids) - len(good),
        )
        letters = await world.outcomes.read_copies(Shelf.DEAD, source, after=0, max_copies=10**6)
        positions = [msgspec.msgpack.decode(c.data, type=DeadLetter).position for c in letters]
        assert positions == sorted(set(positions))
        assert len(positions) == len(ids) - len(good)


async def test_a_source_that_falls_behind_reads_on_by_itself_and_misses_nothing() -> None:
    world = World()
    filler = "x" * 30_000
    for number in range(200):
        entry = an_entry(1, {"batch": [{"messageId": f"good-{number}", "filler": filler}]})
        await world.log.append(encode_group([entry]))
        if number % 50 == 0:
            await world.append([(2, [f"good-other-{number}"])])
    ledger = await world.forward_until(
        lambda ledger: ledger.account(1).delivered == 200 and ledger.account(2).delivered == 4
    )

    ours = [i for i in world.upstream.taken if "other" not in i]
    assert ours == [f"good-{number}" for number in range(200)]
    assert ledger.account(1).accepted == 200


async def test_a_group_that_cannot_be_read_is_kept_as_it_is_and_stops_nobody() -> None:
    world = World()
    await world.append([(1, ["good-1"])])
    await world.log.append(b"\xffgarbage")
    await world.append([(1, ["good-2"])])
    ledger = await world.forward_until(lambda ledger: ledger.account(1).delivered == 2)
    ledger = await world.forward_until(lambda ledger: ledger.account(UNREADABLE).dead == 1)

    assert world.upstream.taken == ["good-1", "good-2"]
    (letter,) = await world.outcomes.read_copies(Shelf.DEAD, UNREADABLE, after=0)
    assert msgspec.msgpack.decode(letter.data, type=DeadLetter).message == b"\xffgarbage"
    assert ledger.account(UNREADABLE).accepted == 1


async def test_nothing_is_truncated_that_waits() -> None:
    world = World()
    await world.append([(2, ["good-2"])])
    await world.append([(9, ["good-9"])])  # nobody knows source 9
    await world.append([(1, ["good-1"])])
    await world.forward_until(lambda ledger: ledger.account(1).delivered == 1)
    ledger = await world.forward_until(lambda ledger: ledger.account(9).accepted == 1)

    assert ledger.account(9).waiting == 1
    assert 2 in [group.sequence for group in await world.log.read(after=0)]


async def test_what_is_resolved_is_truncated() -> None:
    world = World()
    for number in range(3):
        await world.append([(1, [f"good-{number}"])])
    log = world.log
    truncated = asyncio.Event()
    task = asyncio.create_task(world.forward_until(lambda _: truncated.is_set()))
    while await log.read(after=0):
        await asyncio.sleep(0)
    truncated.set()
    await task

    assert (await log.state()).first == 4


async def test_a_replaced_log_is_delivered_from_its_beginning() -> None:
    world = World()
    for number in range(3):
        await world.append([(1, [f"good-{number}"])])
    await world.forward_until(lambda ledger: ledger.account(1).delivered == 3)
    world.log = FakeLog()
    await world.append([(1, ["good-new"])])
    ledger = await world.forward_until(lambda ledger: ledger.account(1).delivered == 4)

    assert world.upstream.taken[-1] == "good-new"
    assert ledger.account(1).accepted == 4


async def test_a_second_forwarder_fences_the_first_off() -> None:
    world = World()
    first = Journal(world.outcomes, world.log, tick=timedelta(milliseconds=1))
    await first.open(log_first=1, log_last=0)
    second = Journal(world.outcomes, world.log)
    await second.open(log_first=1, log_last=0)
    first.ledger.count(1, 5)

    with pytest.raises(Fenced):
        await first.run()


def test_a_number_stands_for_its_source_until_no_domain_has_it() -> None:
    directory = a_directory(1)
    found = directory.find(1)
    directory.apply([FeedEntry(revision=2, topic=Topic.EDGE, key="dom_2", body=b"not JSON")])

    assert found is not None
    assert directory.find(1) == found
    directory.apply([FeedEntry(revision=3, topic=Topic.EDGE, key="dom_1", body=None)])
    assert directory.find(1) is None


async def test_what_comes_and_goes_is_counted_for_charts() -> None:
    world = World()
    await world.append([(1, ["good-1", "poison-2", "good-3"]), (2, ["good-4"])])
    await world.forward_until(
        lambda ledger: (
            ledger.account(1).delivered + ledger.account(1).dead == 3
            and ledger.account(2).delivered == 1
        )
    )
    first, second = (
        build_point(NOW, world.traffic.cells(source_subject(number))) for number in (1, 2)
    )

    assert (first.accepted, first.delivered, first.dead) == (3, 2, 1)
    assert (second.accepted, second.delivered, second.dead) == (1, 1, 0)
    assert second.delivered_in is not None
