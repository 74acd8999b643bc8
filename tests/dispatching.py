"""The forwarder on a log in memory, stopped dead at any step and started again."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from firstparty.forward.delivery import Answer
from firstparty.forward.directory import SourceDirectory
from firstparty.forward.dispatch import HOLD_AFTER, Dispatcher
from firstparty.forward.journal import Journal
from firstparty.forward.ledger import Ledger, OutcomeRecord, fold
from firstparty.forward.sending import Means
from firstparty.model.feed import EdgeDomain, EdgeSource, FeedEntry, Topic
from firstparty.spool.entries import encode_group
from firstparty.spool.outcomes import Copy
from firstparty.spool.traffic import Traffic
from tests.fakes.spool import FakeLog, FakeOutcomes
from tests.forwarding import an_entry

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
        self.strangers: set[str] = set()  # write keys that are not known

    async def send(
        self, source: EdgeSource, texts: Sequence[bytes], *, sent_at: datetime
    ) -> Answer:
        assert sent_at.tzinfo is UTC
        self._fate.step()
        if source.write_key in self.strangers:
            return Answer(status=401)
        await asyncio.sleep(0)
        messages = json.loads(b"[%b]" % b",".join(texts))
        if any("poison" in message["messageId"] for message in messages):
            return Answer(status=400)
        self.taken += [message["messageId"] for message in messages]
        self._fate.step()
        return Answer(status=200)


def a_directory(*numbers: int) -> SourceDirectory:
    directory = SourceDirectory()
    publish(directory, *numbers)
    return directory


def publish(
    directory: SourceDirectory, *numbers: int, upstream: str = "https://upstream.test"
) -> None:
    """Make these the sources that there are."""
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
                upstream=upstream,
            )
            for number in numbers
        ),
    )
    directory.apply(
        [FeedEntry(revision=1, topic=Topic.EDGE, key="dom_1", body=msgspec.json.encode(domain))]
    )


class World:
    """A log, its outcomes, an upstream; a forwarder that is started again when it stopped."""

    def __init__(self, stops: Sequence[int] = (), *, hold_after: timedelta = HOLD_AFTER) -> None:
        self._hold_after = hold_after
        self.fate = Fate(stops)
        self.log = FakeLog()
        self.outcomes = MortalOutcomes(self.fate)
        self.upstream = PickyUpstream(self.fate)
        self.directory = a_directory(*SOURCES)
        self.traffic = Traffic()

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
        async with asyncio.timeout(30):
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
            means = Means(directory=self.directory, upstream=self.upstream, traffic=self.traffic)
            dispatcher = Dispatcher(self.log, journal, means, hold_after=self._hold_after)
            try:
                await dispatcher.run()
            except* Stopped:
                # In Python 3.11 a task group that fails while cancelled tells of the failure only.
                task = asyncio.current_task()
                is_over = task is not None and task.cancelling() > 0
            if is_over:
                return
