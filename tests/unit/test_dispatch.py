"""The forwarder on a log in memory, stopped dead at any step and started again."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstparty.forward.delivery import Answer
from firstparty.forward.directory import SourceDirectory
from firstparty.forward.dispatch import Dispatcher
from firstparty.forward.groups import UNREADABLE
from firstparty.forward.journal import Journal
from firstparty.forward.ledger import Ledger, OutcomeRecord, fold
from firstparty.forward.letters import DeadLetter
from firstparty.model.feed import EdgeDomain, EdgeSource, FeedEntry, Topic
from firstparty.spool.entries import encode_group
from firstparty.spool.outcomes import Copy, Fenced, Shelf
from tests.fakes.spool import FakeLog, FakeOutcomes
from tests.forwarding import an_entry, first_sightings

SOURCES = (1, 2, 3)


class Stopped(Exception):
    """The process is gone."""


class Fate:
    """Counts steps and stops everything at some of them."""

    def __init__(self, stops: Sequence[int]) -> None:
        self._stops = list(stops)
        self._steps = 0

    def step(self) -> None:
        self._steps += 1
        if self._stops and self._steps >= self._stops[0]:
            self._steps = 0
            self._stops.pop(0)
            raise Stopped


class MortalOutcomes(FakeOutcomes):
    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self._fate = fate

    async def commit(self, record: bytes, *, expected: int, copies: Sequence[Copy] = ()) -> int:
        self._fate.step()
        sequence = await super().commit(record, expected=expected, copies=copies)
        self._fate.step()
        return sequence


class PickyUpstream:
    """Takes everything but batches with a poisoned message."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate
        self.taken: list[str] = []

    async def send(self, origin: str, write_key: str, body: bytes) -> Answer:
        del origin, write_key
        self._fate.step()
        await asyncio.sleep(0)
        messages = json.loads(body)["batch"]
        if any("poison" in message["messageId"] for message in messages):
            return Answer(status=400)
        self.taken += [message["messageId"] for message in messages]
        self._fate.step()
        return Answer(status=200)


def a_directory(*numbers: int) -> SourceDirectory:
    directory = SourceDirectory()
    domain = EdgeDomain(
        id="dom_1",
        workspace="wsp_1",
        name="cdp.shop.test",
        cdn_host="evs.cdp.shop.test",
        api_host="api.cdp.shop.test",
        sources=tuple(
            EdgeSource(
                id=f"src_{number}",
                number=number,
                type="javascript",
                write_key=f"WK{number}",
                alias="a/b",
                upstream="https://upstream.test",
            )
            for number in numbers
        ),
    )
    directory.apply(
        [FeedEntry(revision=1, topic=Topic.EDGE, key="dom_1", body=msgspec.json.encode(domain))]
    )
    return directory


class World:
    """A log, its outcomes, an upstream; a forwarder that is started again when it stopped."""

    def __init__(self, stops: Sequence[int] = ()) -> None:
        self.fate = Fate(stops)
        self.log = FakeLog()
        self.outcomes = MortalOutcomes(self.fate)
        self.upstream = PickyUpstream(self.fate)
        self.directory = a_directory(*SOURCES)

    async def append(self, group: Sequence[tuple[int, Sequence[str]]]) -> None:
        entries = [
            an_entry(source, {"batch": [{"messageId": i} if i else i for i in ids]})
            for source, ids in group
        ]
        await self.log.append(encode_group(entries))

    async def ledger(self) -> Ledger:
        records = await self.outcomes.read(after=0, max_records=10**6)
        return fold(msgspec.msgpack.decode(r.data, type=OutcomeRecord) for r in records)

    async def forward_until(self, is_done: Callable[[Ledger], bool]) -> Ledger:
        task = asyncio.create_task(self._forward())
        async with asyncio.timeout(20):
            while not is_done(await self.ledger()):
                assert not task.done(), task
                await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return await self.ledger()

    async def _forward(self) -> None:
        is_over = False
        while True:
            journal = Journal(self.outcomes, self.log, tick=timedelta(milliseconds=1))
            dispatcher = Dispatcher(self.log, journal, self.directory, self.upstream)
            try:
                await dispatcher.run()
            except* Stopped:
                # In Python 3.11 a task group that fails while cancelled tells of the failure only.
                task = asyncio.current_task()
                is_over = task is not None and task.cancelling() > 0
            if is_over:
                return


MESSAGES = st.sampled_from(["good", "good", "good", "poison", ""])
GROUPS = st.lists(
    st.lists(st.tuples(st.sampled_from(SOURCES), st.lists(MESSAGES, max_size=6)), max_size=4),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=60)
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
