"""One source's messages, from the log to their outcome, in order, one batch in flight.

A source whose queue stays full (its upstream is down, or slower than its visitors) falls *behind*:
the dispatcher leaves its messages in the log and goes on, and the source reads them from there by
itself, from its own position, until it has caught up.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Protocol

from firstparty.forward.batch import (
    Item,
    Pack,
    Prepared,
    condemn,
    count_fitting,
    count_messages,
    measure,
)
from firstparty.forward.delivery import Dead, Delivered, Expired, Split
from firstparty.forward.expand import BadMessage, Position
from firstparty.forward.groups import UNREADABLE
from firstparty.forward.held import ShelfReader
from firstparty.forward.journal import Journal
from firstparty.forward.ledger import build_dead_letter
from firstparty.forward.letters import DeadLetter
from firstparty.forward.packing import unpack
from firstparty.forward.sending import (
    Means,
    Sender,
    count_of_one_clock,
    is_replayed,
    received_at,
)
from firstparty.spool.outcomes import MAX_COPIES
from firstparty.spool.traffic import DEAD, DELIVERED, EXPIRED, SENT, count_latency, source_subject
from firstparty.telemetry import Log

MAX_QUEUE_BYTES: Final = 1024**2  # of one source; two batches' worth
MAX_QUEUES_BYTES: Final = 64 * 1024**2  # of all sources together
# How long the others wait for one that is full: not worth reading its messages a second time.
_FULL_SECONDS: Final = 30.0  # until somebody has replayed or exported some
_PATIENCE: Final = timedelta(milliseconds=100)


class Backlog(Protocol):
    """The log, as far as the dispatcher has read it, for a source that is behind."""

    async def messages_of(
        self, source: int, *, source_type: str, after: int
    ) -> tuple[list[Item], int, bool]:
        """This source's messages in some groups that follow ``after``.

        Also the last sequence looked at, and whether the dispatcher is no further than that.
        """
        ...


class Room:
    """How many bytes all queues hold together."""

    def __init__(self) -> None:
        self.used_bytes = 0


class SourceQueue:
    """What of one source was read from the log and has no outcome yet."""

    def __init__(
        self,
        number: int,
        *,
        journal: Journal,
        means: Means,
        backlog: Backlog,
        shelf: ShelfReader,
        room: Room,
    ) -> None:
        self.number = number
        self.is_running = False
        self._journal = journal
        self._sender = Sender(number, means)
        self._cells = means.traffic.cells(source_subject(number))
        self._backlog = backlog
        self._shelf = shelf
        self._room = room
        self._queue: deque[Item] = deque()
        self._queued_bytes = 0
        self._read_through: int | None = None  # while behind: how far it has read by itself
        self._drained = asyncio.Event()
        self._level = asyncio.Event()
        self._late_since: float | None = None
        self._log = Log("forward")

    @property
    def is_behind(self) -> bool:
        """Whether it reads the log by itself, so that nothing must be added."""
        return self._read_through is not None

    def add(self, items: Sequence[Item]) -> None:
        """Take in what comes next; not for one that is behind."""
        resolved = self._journal.ledger.account(self.number).resolved
        for item in items:
            if item.position > resolved:
                self._queue.append(item)
                self._resize(measure(item))

    def fall_behind(self, through: int) -> None:
        """Read by itself what follows group ``through``; nothing happens if it does so already."""
        if self._read_through is None:
            self._read_through = through
            self._level.clear()
            self._note_late()

    def is_late(self, hold_after: timedelta) -> bool:
        """Whether it has been behind, or its upstream away, for so long without a break."""
        if self._sender.is_failing:
            self._note_late()
        if self._late_since is None:
            return False
        late = asyncio.get_running_loop().time() - self._late_since
        return late >= hold_after.total_seconds()

    async def make_room(self, *, through: int) -> None:
        """Return when there is room for more; that is after a moment, even if it falls behind.

        ``through`` is the last group of which it was given its share.
        """
        if self._has_room or self.is_behind:
            # Whatever else runs, deliveries above all, has its turn between two groups.
            await asyncio.sleep(0)
            return
        if not self._sender.is_failing:
            self._drained.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE.total_seconds()):
                    await self._drained.wait()
        if not self._has_room:
            self.fall_behind(through)

    async def catch_up(self) -> None:
        """Return when it is not behind any more; that is after a moment, even if it is.

        At once where nothing can be sent now.
        """
        if self.is_behind and self._sender.is_known and not self._sender.is_failing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE.total_seconds()):
                    await self._level.wait()

    async def run(self) -> None:
        """Bring everything to its outcome; returns when there is nothing left to do."""
        try:
            while self._queue or self._read_through is not None:
                if self._queue:
                    await self._deliver(self._next_request())
                else:
                    await self._catch_up()
                if self._read_through is None:
                    self._level.set()
                    if not self._sender.is_failing:
                        self._late_since = None
        finally:
            self.is_running = False

    def _note_late(self) -> None:
        if self._late_since is None:
            self._late_since = asyncio.get_running_loop().time()

    @property
    def _has_room(self) -> bool:
        return self._queued_bytes < MAX_QUEUE_BYTES and self._room.used_bytes < MAX_QUEUES_BYTES

    def _resize(self, size: int) -> None:
        self._queued_bytes += size
        self._room.used_bytes += size
        if size < 0 and self._has_room:
            self._drained.set()

    async def _catch_up(self) -> None:
        assert self._read_through is not None
        source_type = "" if self.number == UNREADABLE else (await self._sender.settings()).type
        if self._read_through < self._journal.shelved_through(self.number):
            items, through = await self._shelf.read(
                source_type=source_type, beyond=self._read_through
            )
            self.add(items)
            self._read_through = max(through, self._read_through)
            return
        items, reached, is_level = await self._backlog.messages_of(
            self.number, source_type=source_type, after=self._read_through
        )
        if self._read_through < self._journal.shelved_through(self.number):
            return  # moved to the shelf meanwhile, and perhaps out of the log already
        self.add(items)
        self._read_through = None if is_level else reached

    def _next_request(self) -> list[Item]:
        fitting = islice(self._queue, count_fitting(self._queue))
        count = count_of_one_clock(fitting, wall=datetime.now(UTC))
        items = [self._queue.popleft() for _ in range(count)]
        self._resize(-sum(map(measure, items)))
        return items

    async def _deliver(self, items: Sequence[Item]) -> None:
        """Bring these to their outcome, first to last."""
        good = [item for item in items if not isinstance(item, BadMessage)]
        if not good:
            await self._record(items)
            return
        match await self._sender.send(good):
            case Delivered():
                await self._record(items)
            case Expired():
                await self._record(items, is_expired=True)
            case Split():
                singles = _unpack(items)
                middle = _middle(singles)
                await self._deliver(singles[:middle])
                await self._deliver(singles[middle:])
            case Dead(reason=reason):
                await self._record([_condemned(item, reason) for item in _unpack(items)])

    async def _record(self, items: Sequence[Item], *, is_expired: bool = False) -> None:
        """Have the outcome of these on disk before anything after them is sent."""
        for start in range(0, len(items), MAX_COPIES):
            part = items[start : start + MAX_COPIES]
            letters = self._write_letters(part)
            size = sum(len(letter.message) for letter in letters)
            while letters and await self._journal.room() < size:
                # Nothing may be dropped, and only this source has to wait.
                self._log.error("forward.shelves_full", number=self.number, needed_bytes=size)
                await asyncio.sleep(_FULL_SECONDS)
            others = count_messages(part) - len(letters)
            await self._journal.resolve(
                self.number,
                Position(*part[-1].position),
                delivered=0 if is_expired else others,
                expired=others if is_expired else 0,
                letters=letters,
            )
            self._count(part, others=others, dead=len(letters), is_expired=is_expired)

    def _count(self, items: Sequence[Item], *, others: int, dead: int, is_expired: bool) -> None:
        """Count these for charts, in the minute of their outcome."""
        if dead:
            self._cells[DEAD] += dead
        if others:
            self._cells[EXPIRED if is_expired else DELIVERED] += others
        if is_expired:
            return
        now = datetime.now(UTC)
        for item in items:
            if not isinstance(item, BadMessage) and not is_replayed([item]):
                late = (now - received_at(item)).total_seconds()
                count_latency(self._cells, SENT, late, count_messages([item]))

    def _write_letters(self, items: Sequence[Item]) -> list[DeadLetter]:
        now = datetime.now(UTC)
        letters = [
            build_dead_letter(item, source=self.number, now=now)
            for item in items
            if isinstance(item, BadMessage)
        ]
        for letter in letters:
            self._log.warning(
                "forward.dead",
                number=self.number,
                position=tuple(letter.position),
                reason=letter.reason.partition(":")[0],
            )
        return letters


def _unpack(items: Sequence[Item]) -> list[Prepared | BadMessage]:
    """The same messages, each by itself."""
    singles: list[Prepared | BadMessage] = []
    for item in items:
        singles += unpack(item) if isinstance(item, Pack) else [item]
    return singles


def _middle(items: Sequence[Item]) -> int:
    """Where to cut so that each side has half of the messages that can be sent."""
    ready = [index for index, item in enumerate(items) if isinstance(item, Prepared)]
    return ready[len(ready) // 2]


def _condemned(item: Prepared | BadMessage, reason: str) -> BadMessage:
    return condemn(item.message, reason=reason) if isinstance(item, Prepared) else item
