"""What waits for long leaves the log, in order and counted, however often everything stops."""

import asyncio
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from firstparty.forward.held import build_copies, hold_frames, open_copy
from firstparty.spool.direct import StoredGroup
from firstparty.spool.entries import encode_group, split_group
from firstparty.spool.outcomes import Shelf
from tests.dispatching import SOURCES, World, publish
from tests.fakes.spool import FakeLog
from tests.forwarding import an_entry, first_sightings

AT_ONCE = timedelta(milliseconds=1)
STOPS = st.lists(st.integers(1, 12), max_size=6)
# Messages of each source, group by group.
GROUPS = st.lists(
    st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(1, 3)), min_size=1, max_size=3),
    min_size=1,
    max_size=8,
)


def test_what_is_held_keeps_its_places() -> None:
    data = encode_group([an_entry(1, b"a"), an_entry(2, b"b"), an_entry(1, b"c")])
    frames = [(index, frame) for index, frame in enumerate(split_group(data)) if frame.source == 1]
    (copy,) = build_copies([hold_frames(frames, sequence=77)], source=1)

    ((sequence, found),) = open_copy(copy.data)
    assert (copy.shelf, copy.source, sequence) == (Shelf.HELD, 1, 77)
    assert [(index, frame.body) for index, frame in found] == [(0, b"a"), (2, b"c")]


def test_much_is_held_in_copies_that_the_log_takes() -> None:
    group = StoredGroup(sequence=1, data=encode_group([an_entry(1, b"x" * 200_000)]))
    frames = list(enumerate(split_group(group.data)))
    copies = build_copies([hold_frames(frames, sequence=n) for n in range(10)], source=1)

    assert len(copies) == 5
    assert [s for copy in copies for s, _ in open_copy(copy.data)] == list(range(10))


@settings(max_examples=60)
@given(before=GROUPS, after=GROUPS, stops=STOPS)
def test_a_source_that_waits_keeps_nobodys_log_and_loses_nothing(
    before: list[list[tuple[int, int]]], after: list[list[tuple[int, int]]], stops: list[int]
) -> None:
    asyncio.run(_hold_and_let_go(before, after, stops))


async def _hold_and_let_go(
    before: list[list[tuple[int, int]]], after: list[list[tuple[int, int]]], stops: list[int]
) -> None:
    world = World(stops, hold_after=AT_ONCE)
    world.upstream.strangers = {"WK1"}
    sent: dict[int, list[str]] = {source: [] for source in SOURCES}
    await _append(world, before, sent)

    held = await world.forward_until(
        lambda ledger: world.log.is_empty and ledger.counted_through == len(before)
    )
    assert held.account(1).waiting == held.account(1).accepted == len(sent[1])
    assert [i for i in world.upstream.taken if i.startswith("good-1-")] == []
    await _append(world, after, sent)
    world.upstream.strangers.clear()
    publish(world.directory, *SOURCES, upstream="https://other.test")
    ledger = await world.forward_until(
        lambda ledger: all(ledger.account(s).delivered == len(sent[s]) for s in SOURCES)
    )

    seen = first_sightings(world.upstream.taken)
    for source, ids in sent.items():
        assert [i for i in seen if i.startswith(f"good-{source}-")] == ids
        account = ledger.account(source)
        assert (account.accepted, account.waiting, account.dead) == (len(ids), 0, 0)


async def _append(
    world: World, groups: list[list[tuple[int, int]]], sent: dict[int, list[str]]
) -> None:
    for group in groups:
        named = []
        for source, count in group:
            ids = [f"good-{source}-{len(sent[source]) + n}" for n in range(count)]
            sent[source] += ids
            named.append((source, ids))
        await world.append(named)


async def test_a_shelf_is_cleared_when_its_messages_are_delivered() -> None:
    world = World(hold_after=AT_ONCE)
    world.upstream.strangers = {"WK1"}
    await world.append([(1, ["good-1"]), (2, ["good-2"])])
    await world.forward_until(lambda _: world.log.is_empty)
    held = await world.outcomes.sources_on(Shelf.HELD)
    world.upstream.strangers.clear()
    cleared = asyncio.Event()
    task = asyncio.create_task(world.forward_until(lambda _: cleared.is_set()))
    while await world.outcomes.sources_on(Shelf.HELD):
        await asyncio.sleep(0)
    cleared.set()
    ledger = await task

    assert held == {1: 1}
    assert ledger.account(1).delivered == 1


async def test_what_is_held_survives_the_loss_of_the_log() -> None:
    world = World(hold_after=AT_ONCE)
    world.upstream.strangers = {"WK1"}
    await world.append([(1, ["good-1-0"])])
    await world.append([(1, ["good-1-1"])])
    await world.forward_until(lambda _: world.log.is_empty)
    world.log = FakeLog()
    await world.append([(1, ["good-1-2"])])
    world.upstream.strangers.clear()
    ledger = await world.forward_until(lambda ledger: ledger.account(1).delivered == 3)

    assert sorted(world.upstream.taken) == ["good-1-0", "good-1-1", "good-1-2"]
    assert ledger.account(1).accepted == 3


async def test_a_full_shelf_leaves_everything_in_the_log_and_stops_nobody_else() -> None:
    world = World(hold_after=AT_ONCE)
    world.upstream.strangers = {"WK1"}
    world.outcomes.max_bytes = 0
    await world.append([(1, ["good-1"]), (2, ["good-2"])])
    await world.append([(2, ["good-3"])])
    ledger = await world.forward_until(lambda ledger: ledger.account(2).delivered == 2)

    assert ledger.account(1).waiting == 1
    assert not world.log.is_empty
    assert await world.outcomes.sources_on(Shelf.HELD) == {}


async def test_a_letter_without_room_waits_and_stops_nobody_else() -> None:
    world = World()
    world.outcomes.max_bytes = 0
    await world.append([(1, ["poison-1"]), (2, ["good-2"])])
    ledger = await world.forward_until(lambda ledger: ledger.account(2).delivered == 1)

    assert (ledger.account(1).waiting, ledger.account(1).dead) == (1, 0)
