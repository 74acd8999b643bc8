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
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

from firstparty.forward.directory import SourceDirectory
from firstparty.forward.expand import Line
from firstparty.forward.groups import count_replayed, open_group
from firstparty.forward.journal import Journal
from firstparty.forward.source import Room, SourceQueue, Upstream
from firstparty.spool.log import LogState, StoredGroup
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
                    self._take(group, start=tasks.create_task)
                    await asyncio.sleep(0)
                if not groups:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                            await arrived.wait()

    async def messages_of(self, source: int, *, after: int) -> tuple[list[Line], int, bool]:
        """See Backlog."""
        groups = await self._log.read(after=after, max_groups=_READ_GROUPS, max_bytes=_READ_BYTES)
        # Read after the await, and nothing awaited below: what the dispatcher takes from now on,
        # it offers to this source again if the answer is that it has caught up.
        frontier = self._journal.read_through
        lines: list[Line] = []
        through = after
        for group in groups:
            if group.sequence > frontier:
                break
            lines += open_group(group, only=source).get(source, [])
            through = group.sequence
        if through == after:  # nothing of the log is left below the frontier
            through = frontier
        return lines, through, through >= frontier

    def _take(
        self, group: StoredGroup, *, start: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        """Count a group's messages and offer them to their sources."""
        ledger = self._journal.ledger
        is_new = group.sequence > ledger.counted_through
        for number, lines in open_group(group).items():
            if is_new:
                ledger.count(number, len(lines), replayed=count_replayed(lines))
            if lines and lines[-1].position > ledger.account(number).resolved:
                ledger.found_waiting(number, sequence=group.sequence)
                queue = self._queue(number)
                queue.offer(lines, sequence=group.sequence)
                if not queue.is_running:
                    queue.is_running = True
                    start(queue.run())
        if is_new:
            ledger.counted_through = group.sequence
        self._journal.read_through = group.sequence

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
