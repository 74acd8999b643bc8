"""Reads the log once and hands each source its own messages.

Each source has its own position in the log, and one outcome record holds the positions that moved
(``ledger.py``). The log is truncated below the lowest position that something waits at. A source
that waits for long is moved to a shelf of its own (``held.py``), so that the log of the others can
go on being truncated.

After kill -9 at any point the forwarder starts from the last record: what was sent after it is
sent again, with the same ``messageId``; nothing is skipped, and the totals are those of the record
plus what is counted in the log beyond it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final, Protocol

from firstparty.counts import Key
from firstparty.forward.batch import Item, count_messages
from firstparty.forward.expand import BadMessage, Position
from firstparty.forward.groups import UNREADABLE
from firstparty.forward.held import Holder, ShelfReader, open_groups
from firstparty.forward.journal import Journal
from firstparty.forward.packing import (
    IndexedFrame,
    count_frames,
    count_replayed,
    pack_frames,
    sort_frames,
)
from firstparty.forward.sending import Means
from firstparty.forward.source import Room, SourceQueue
from firstparty.spool.direct import StoredGroup
from firstparty.spool.log import LogState
from firstparty.spool.outcomes import Shelf
from firstparty.spool.traffic import ACCEPTED, source_subject
from firstparty.telemetry import Log

_READ_GROUPS: Final = 256
_READ_BYTES: Final = 1024**2  # so that one read never keeps the event loop for long
_MANY_BYTES: Final = _READ_BYTES // 2  # more waits behind what was read
HOLD_AFTER: Final = timedelta(seconds=30)
_HOLD_EVERY: Final = timedelta(seconds=1)
_LOOK_AGAIN_SECONDS: Final = 1.0  # a wake-up may be lost


class Reader(Protocol):
    """The log, as the forwarder needs it. Every method raises Unavailable."""

    async def read(
        self, *, after: int, max_groups: int = ..., max_bytes: int = ...
    ) -> list[StoredGroup]:
        """The groups that follow ``after``, in order; MUST bring one if there is one."""
        ...

    def append(self, group: bytes) -> Awaitable[int]:
        """Store one more group."""
        ...

    async def state(self) -> LogState:
        """What the log holds."""
        ...

    async def truncate(self, *, through: int) -> None:
        """Forget the groups up to ``through``; MUST keep the sequence of those to come."""
        ...

    def arrivals(self) -> AbstractAsyncContextManager[asyncio.Event]:
        """An event that is set when a group was stored; MAY miss some."""
        ...


class Dispatcher:
    """The path from the log to every source's queue."""

    def __init__(
        self, log: Reader, journal: Journal, means: Means, *, hold_after: timedelta = HOLD_AFTER
    ) -> None:
        """``hold_after`` is how long a source may be late before its messages leave the log."""
        self._log = log
        self._journal = journal
        self._means = means
        self._hold_after = hold_after
        self._holder = Holder(journal, log)
        self._room = Room()
        self._queues: dict[int, SourceQueue] = {}
        self._groups_read = 0
        self._bytes_read = 0

    def count_read(self) -> tuple[int, int, int]:
        """Groups and bytes that were new when they were read, and the messages counted so far."""
        messages = sum(one.accepted for one in self._journal.ledger.accounts.values())
        return self._groups_read, self._bytes_read, messages

    def read_counts(self) -> list[tuple[Key, float]]:
        """What waits, for metrics."""
        behind = sum(queue.is_behind for queue in self._queues.values())
        return [
            (("forward_queue_bytes", ()), self._room.used_bytes),
            (("forward_sources_behind", ()), behind),
            (("forward_upstreams_down", ()), self._means.breakers.count_open()),
        ]

    async def run(self) -> None:
        """Deliver until cancelled. Raises Unavailable, and Fenced when another has taken over."""
        state = await self._log.state()
        if not await self._journal.open(log_first=state.first, log_last=state.last):
            Log("forward").error("forward.log_replaced", last=state.last)
        await self._put_back_held()
        async with self._log.arrivals() as arrived, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._journal.run())
            tasks.create_task(self._hold_for_ever())
            for number, account in self._journal.ledger.accounts.items():
                if account.held_through:
                    queue = self._queue(number)
                    queue.fall_behind(0)  # what is on its shelf comes first
                    self._start(queue, tasks)
            while True:
                arrived.clear()
                groups = await self._log.read(
                    after=self._journal.read_through,
                    max_groups=_READ_GROUPS,
                    max_bytes=_READ_BYTES,
                )
                given: set[SourceQueue] = set()
                for group in groups:
                    for queue in self._take(group):
                        given.add(queue)
                        self._start(queue, tasks)
                        await queue.make_room(through=group.sequence)
                if len(given) == 1 and sum(len(group.data) for group in groups) >= _MANY_BYTES:
                    # Nobody else has anything in this stretch of the log: it need not be read
                    # ahead of the one that reads it by itself, and all of it a second time.
                    await given.pop().catch_up()
                if not groups:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                            await arrived.wait()

    def _start(self, queue: SourceQueue, tasks: asyncio.TaskGroup) -> None:
        if not queue.is_running:
            queue.is_running = True
            tasks.create_task(queue.run())

    async def _hold_for_ever(self) -> None:
        """Move out of the log what waits there for long, so that others' can be truncated."""
        while True:
            await asyncio.sleep(min(_HOLD_EVERY, self._hold_after).total_seconds())
            late = [n for n, queue in self._queues.items() if queue.is_late(self._hold_after)]
            if late:
                await self._holder.hold(late)
            await self._holder.clear()

    async def _put_back_held(self) -> None:
        """Where the log was replaced, the places of held entries are gone: they come again."""
        outcomes = self._journal.outcomes
        for number in await outcomes.sources_on(Shelf.HELD):
            if self._journal.ledger.account(number).held_through:
                continue
            while copies := await outcomes.read_copies(Shelf.HELD, number, after=0, max_copies=1):
                for data in open_groups(copies[0].data):
                    await self._log.append(data)
                through = copies[0].sequence
                await outcomes.truncate_copies(Shelf.HELD, number, through=through)

    async def messages_of(
        self, source: int, *, source_type: str, after: int
    ) -> tuple[list[Item], int, bool]:
        """See Backlog."""
        groups = await self._log.read(after=after, max_groups=_READ_GROUPS, max_bytes=_READ_BYTES)
        # Read after the await, and nothing awaited below: what the dispatcher takes from now on,
        # it offers to this source again if the answer is that it has caught up.
        frontier = self._journal.read_through
        resolved = self._journal.ledger.account(source).resolved
        items: list[Item] = []
        through = after
        for group in groups:
            if group.sequence > frontier:
                break
            found = sort_frames(group)
            if isinstance(found, BadMessage):
                items += [found] if source == UNREADABLE else []
            else:
                items += pack_frames(
                    found.get(source, ()),
                    sequence=group.sequence,
                    source_type=source_type,
                    after=resolved,
                )
            through = group.sequence
        if through == after:  # nothing of the log is left below the frontier
            through = frontier
        return items, through, through >= frontier

    def _take(self, group: StoredGroup) -> list[SourceQueue]:
        """Count a group's messages and offer them to their sources; whom it had some for."""
        found = sort_frames(group)
        if isinstance(found, BadMessage):
            queues = [self._take_items(UNREADABLE, [found], sequence=group.sequence)]
        else:
            queues = [
                self._take_frames(number, frames, sequence=group.sequence)
                for number, frames in found.items()
            ]
        if group.sequence > self._journal.ledger.counted_through:
            self._journal.ledger.counted_through = group.sequence
            self._groups_read += 1
            self._bytes_read += len(group.data)
        self._journal.read_through = group.sequence
        return [queue for queue in queues if queue is not None]

    def _take_frames(
        self, number: int, frames: Sequence[IndexedFrame], *, sequence: int
    ) -> SourceQueue | None:
        """What a group has of one source; left in the log where it could not be sent now."""
        ledger = self._journal.ledger
        resolved = ledger.account(number).resolved
        source = self._means.directory.find(number)
        queue = self._queue(number)
        if source is not None and not queue.is_behind:
            items = pack_frames(frames, sequence=sequence, source_type=source.type, after=resolved)
            return self._take_items(number, items, sequence=sequence)
        if sequence > ledger.counted_through:
            messages, replayed = count_frames(frames)
            self._count(number, messages, replayed=replayed)
        if Position(sequence, frames[-1][0] + 1, 0) <= resolved:
            return None
        ledger.found_waiting(number, sequence=sequence)
        queue.fall_behind(sequence - 1)
        return queue

    def _take_items(
        self, number: int, items: Sequence[Item], *, sequence: int
    ) -> SourceQueue | None:
        ledger = self._journal.ledger
        if sequence > ledger.counted_through:
            self._count(number, count_messages(items), replayed=count_replayed(items))
        if not items or items[-1].position <= ledger.account(number).resolved:
            return None
        ledger.found_waiting(number, sequence=sequence)
        queue = self._queue(number)
        if queue.is_behind:
            return None
        queue.add(items)
        return queue

    def _count(self, number: int, messages: int, *, replayed: int) -> None:
        """These were found in the log, for the first time."""
        self._journal.ledger.count(number, messages, replayed=replayed)
        self._means.traffic.cells(source_subject(number))[ACCEPTED] += messages - replayed

    def _queue(self, number: int) -> SourceQueue:
        if number not in self._queues:
            self._queues[number] = SourceQueue(
                number,
                journal=self._journal,
                means=self._means,
                backlog=self,
                shelf=ShelfReader(number, self._journal, self._holder),
                room=self._room,
            )
        return self._queues[number]
