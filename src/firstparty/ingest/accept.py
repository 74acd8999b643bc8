"""Group commit: what arrives while a commit is under way goes into the next one.

One group is in flight. Everybody in a group is told its fate together, after the log has answered
and never before. Before the next group begins, those who were answered have a moment to send their
next message into it: a group costs some hundred microseconds, whatever is in it.
"""

import asyncio
import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import timedelta
from itertools import accumulate
from typing import Final, Generic, Protocol, TypeVar

from firstparty.errors import Unavailable
from firstparty.spool.entries import Framed, build_pieces
from firstparty.telemetry import Log

_GROUP_OVERHEAD_BYTES: Final = 64  # more than a group's own header
_NEVER: Final = sys.maxsize
_ENOUGH: Final = 64  # of them share what a group costs, each bears little
_MAX_GATHERING_SECONDS: Final = 0.005
_GATHERING_TO_COMMIT: Final = 3
RETRY_AFTER: Final = timedelta(seconds=2)


def count_wanted(answered: int, pending: int) -> int:
    """How many entries begin the next group at once.

    Those that are pending, and one for each who was just answered and may send the next: else the
    two would form groups of their own and take turns for ever. Never more than are enough to share
    what a group costs.
    """
    return min(answered + pending, _ENOUGH)


def gathering_seconds(commit_seconds: float) -> float:
    """How long they may gather, if the last group took so long to store.

    It is in proportion: where storing is quick, nobody shall wait for others, and where it is
    slow (a busy core, a slow disk), a group more costs most.
    """
    return min(_GATHERING_TO_COMMIT * commit_seconds, _MAX_GATHERING_SECONDS)


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

    def __init__(
        self,
        settle: Callable[[list[Waiter], Unavailable | None], None],
        *,
        patience: Callable[[float], float] = gathering_seconds,
    ) -> None:
        """``settle`` is told who waited for a group: with None once it is on disk, else why not."""
        self._settle = settle
        self._patience = patience
        self._appender: Appender | None = None
        self._entries: list[Framed] = []
        self._waiting: list[Waiter] = []
        self._in_flight: asyncio.Future[int] | None = None
        self._settling: list[Waiter] = []
        self._held: Unavailable | None = None
        self._began = 0.0
        self._needed = 1  # so many entries begin a group; never: one is under way, or about to be
        self._gathering: asyncio.TimerHandle | None = None
        self._was_full = False  # the group in flight: it left entries behind

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
        if len(self._entries) >= self._needed:
            self._needed = _NEVER
            if self._gathering is not None:
                self._gathering.cancel()
            # Later in this turn of the loop, so that all requests read in it share one group.
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        """Hand the next group over, if there is one."""
        self._gathering = None
        if not self._entries:
            self._needed = 1
            return
        if self._appender is None or self._held is not None:
            not_open = Unavailable("the log is not open yet", retry_after=RETRY_AFTER)
            reason = self._held or not_open
            waiting, self._waiting, self._entries = self._waiting, [], []
            self._needed = 1
            self._settle(waiting, reason)
            return
        self._needed, self._began = _NEVER, time.monotonic()
        entries, self._settling = self._take_group(self._appender.max_group_bytes)
        self._was_full = bool(self._entries)
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
        patience = self._patience(time.monotonic() - self._began)
        error = None if stored.cancelled() else stored.exception()
        if stored.cancelled():
            reason: Unavailable | None = Unavailable("cancelled", retry_after=RETRY_AFTER)
        elif error is None or isinstance(error, Unavailable):
            reason = error
        else:  # a bug of the appender must not leave anybody without an answer
            Log("ingest").error("ingest.append_failed", error=repr(error))
            reason = Unavailable(str(error), retry_after=RETRY_AFTER)
        # Where a group was full already, or nobody was stored, nobody is waited for.
        answered = 0 if self._was_full or reason is not None else len(waiting)
        wanted = count_wanted(answered, len(self._entries))
        self._settle(waiting, reason)
        # Two turns of the loop later the answers are written, and what came meanwhile is read.
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._gather, wanted, patience)

    def _gather(self, wanted: int, patience: float) -> None:
        """Begin the next group once so many are there, or after so many seconds."""
        if wanted <= max(1, len(self._entries)):
            self._begin()
            return
        self._needed = wanted
        self._gathering = asyncio.get_running_loop().call_later(patience, self._begin)
