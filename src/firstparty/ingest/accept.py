"""Group commit: what arrives while a commit is under way goes into the next one.

One group is in flight. Everybody in a group is told its fate together, after the log has answered
and never before. Answers go out first and the next group begins a moment later: clients that wait
for their answer then share one group, instead of forming two that take turns (measured with 64
connections: 45 in a group instead of 30).
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from datetime import timedelta
from itertools import accumulate
from typing import Final, Generic, Protocol, TypeVar

from firstparty.errors import Unavailable
from firstparty.spool.entries import Framed, build_pieces
from firstparty.telemetry import Log

_GROUP_OVERHEAD_BYTES: Final = 64  # more than a group's own header
RETRY_AFTER: Final = timedelta(seconds=2)


class Appender(Protocol):
    """Where groups go."""

    @property
    def max_group_bytes(self) -> int:
        """How big a group may be; one entry alone MAY be bigger and is then tried by itself."""

    def append(self, *pieces: bytes) -> asyncio.Future[int]:
        """Begin to store a group, which is these pieces one behind the other.

        MUST NOT raise. The future MUST end in bounded time: with the sequence once the group is
        on disk, or with Unavailable when it may not be.
        """


Waiter = TypeVar("Waiter")


class Committer(Generic[Waiter]):
    """Collects entries into groups and settles each group once it is on disk, or is not."""

    def __init__(self, settle: Callable[[list[Waiter], Unavailable | None], None]) -> None:
        """``settle`` is told who waited for a group: with None once it is on disk, else why not."""
        self._settle = settle
        self._appender: Appender | None = None
        self._entries: list[Framed] = []
        self._waiting: list[Waiter] = []
        self._in_flight: asyncio.Future[int] | None = None
        self._settling: list[Waiter] = []
        self._held: Unavailable | None = None
        self._is_armed = False

    def hold(self, reason: Unavailable | None) -> None:
        """Store nothing more, for this reason, until told None."""
        self._held = reason

    def use(self, appender: Appender) -> None:
        """Append to this log from now on."""
        self._appender = appender

    async def drain(self) -> None:
        """Wait until everything that was submitted is settled."""
        while self._in_flight is not None or self._entries:
            if self._in_flight is not None:
                await asyncio.wait([self._in_flight])
            await asyncio.sleep(0)

    def submit(self, entry: Framed, waiter: Waiter) -> None:
        """Store a framed entry; ``waiter`` is settled once, never before this returns."""
        self._entries.append(entry)
        self._waiting.append(waiter)
        if self._in_flight is None and not self._is_armed:
            self._is_armed = True
            # Later in this turn of the loop, so that all requests read in it share one group.
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        """Hand the next group over, if there is one and none is in flight."""
        self._is_armed = False
        if self._in_flight is not None or not self._entries:
            return
        if self._appender is None or self._held is not None:
            not_open = Unavailable("the log is not open yet", retry_after=RETRY_AFTER)
            reason = self._held or not_open
            waiting, self._waiting, self._entries = self._waiting, [], []
            self._settle(waiting, reason)
            return
        entries, self._settling = self._take_group(self._appender.max_group_bytes)
        self._in_flight = self._appender.append(*build_pieces(entries))
        self._in_flight.add_done_callback(self._finish)

    def _take_group(self, max_bytes: int) -> tuple[list[Framed], list[Waiter]]:
        """As many entries as a group may hold, and who waits for them; at least one."""
        entries, waiting = self._entries, self._waiting
        count = len(entries)
        sizes = [len(head) + len(body) for head, body in entries]
        if sum(sizes) + _GROUP_OVERHEAD_BYTES > max_bytes:
            ends = accumulate(sizes, initial=_GROUP_OVERHEAD_BYTES)
            count = max(1, bisect_right(list(ends), max_bytes) - 1)
        self._entries, self._waiting = entries[count:], waiting[count:]
        return entries[:count], waiting[:count]

    def _finish(self, stored: asyncio.Future[int]) -> None:
        waiting, self._settling, self._in_flight = self._settling, [], None
        error = None if stored.cancelled() else stored.exception()
        if stored.cancelled():
            reason: Unavailable | None = Unavailable("cancelled", retry_after=RETRY_AFTER)
        elif error is None or isinstance(error, Unavailable):
            reason = error
        else:  # a bug of the appender must not leave anybody without an answer
            Log("ingest").error("ingest.append_failed", error=repr(error))
            reason = Unavailable(str(error), retry_after=RETRY_AFTER)
        self._settle(waiting, reason)
        # Two turns of the loop later the answers are written, and what came meanwhile is read.
        self._is_armed = True
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._begin)
