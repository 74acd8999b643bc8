"""Reads the log once and hands each source its own messages.

The scheme, for now: *each source has its own position in the log*, and one outcome record holds
the positions that moved (``ledger.py``). A source whose upstream is down keeps its position; the
others go on; the log is truncated below the lowest position that something waits at. Nothing is
copied, so nothing can be lost or doubled between two places. The price: a source that is down for
days keeps everybody's messages on disk, and a restart reads the log again from there. Copies to
``held.SOURCE`` will replace that (issue 5).

After kill -9 at any point the forwarder starts from the last record: what was sent after it is
sent again, with the same ``messageId``; nothing is skipped, and the totals are those of the record
plus what is counted in the log beyond it.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from firstparty.forward.batch import Item, count_messages
from firstparty.forward.directory import SourceDirectory
from firstparty.forward.expand import BadMessage, Position
from firstparty.forward.groups import UNREADABLE
from firstparty.forward.journal import Journal
from firstparty.forward.packing import (
    IndexedFrame,
    count_frames,
    count_replayed,
    pack_frames,
    sort_frames,
)
from firstparty.forward.source import Room, SourceQueue, Upstream
from firstparty.spool.direct import StoredGroup
from firstparty.spool.log import LogState
from firstparty.telemetry import Log

_READ_GROUPS: Final = 256
_READ_BYTES: Final = 1024**2  # so that one read never keeps the event loop for long
_LOOK_AGAIN_SECONDS: Final = 1.0  # a wake-up may be lost


class Reader(Protocol):
    """The log, as the forwarder needs it. Every method raises Unavailable."""

    async def read(
        self, *, after: int, max_groups: int = ..., max_bytes: int = ...
    ) -> list[StoredGroup]:
        """The groups that follow ``after``, in order; MUST bring one if there is one."""
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
        self, log: Reader, journal: Journal, directory: SourceDirectory, upstream: Upstream
    ) -> None:
        self._log = log
        self._journal = journal
        self._directory = directory
        self._upstream = upstream
        self._room = Room()
        self._queues: dict[int, SourceQueue] = {}

    async def run(self) -> None:
        """Deliver until cancelled. Raises Unavailable, and Fenced when another has taken over."""
        state = await self._log.state()
        if not await self._journal.open(log_first=state.first, log_last=state.last):
            Log("forward").error("forward.log_replaced", last=state.last)
        async with self._log.arrivals() as arrived, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._journal.run())
            while True:
                arrived.clear()
                groups = await self._log.read(
                    after=self._journal.read_through,
                    max_groups=_READ_GROUPS,
                    max_bytes=_READ_BYTES,
                )
                for group in groups:
                    for queue in self._take(group):
                        if not queue.is_running:
                            queue.is_running = True
                            tasks.create_task(queue.run())
                        await queue.make_room(through=group.sequence)
                if not groups:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                            await arrived.wait()

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
        self._journal.ledger.counted_through = max(
            group.sequence, self._journal.ledger.counted_through
        )
        self._journal.read_through = group.sequence
        return [queue for queue in queues if queue is not None]

    def _take_frames(
        self, number: int, frames: Sequence[IndexedFrame], *, sequence: int
    ) -> SourceQueue | None:
        """What a group has of one source; left in the log where it could not be sent now."""
        ledger = self._journal.ledger
        resolved = ledger.account(number).resolved
        source = self._directory.find(number)
        queue = self._queue(number)
        if source is not None and not queue.is_behind:
            items = pack_frames(frames, sequence=sequence, source_type=source.type, after=resolved)
            return self._take_items(number, items, sequence=sequence)
        if sequence > ledger.counted_through:
            messages, replayed = count_frames(frames)
            ledger.count(number, messages, replayed=replayed)
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
            ledger.count(number, count_messages(items), replayed=count_replayed(items))
        if not items or items[-1].position <= ledger.account(number).resolved:
            return None
        ledger.found_waiting(number, sequence=sequence)
        queue = self._queue(number)
        if queue.is_behind:
            return None
        queue.add(items)
        return queue

    def _queue(self, number: int) -> SourceQueue:
        if number not in self._queues:
            self._queues[number] = SourceQueue(
                number,
                journal=self._journal,
                directory=self._directory,
                upstream=self._upstream,
                backlog=self,
                room=self._room,
            )
        return self._queues[number]
