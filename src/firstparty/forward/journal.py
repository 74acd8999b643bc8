"""Writes outcome records, one in flight; what came meanwhile goes into the next one together.

The log is truncated only through what a record on disk has resolved. A record is written on
condition that ours was the last, so a second, stale forwarder stops at its next record.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import msgspec

from firstparty.forward.expand import Position
from firstparty.forward.ledger import Ledger, OutcomeRecord
from firstparty.forward.letters import DeadLetter
from firstparty.spool.direct import StoredGroup
from firstparty.spool.outcomes import MAX_COPIES, Copy, Shelf

# How late the log is truncated, and counts without outcomes are recorded.
_TICK: Final = timedelta(seconds=0.5)
_RESERVED_BYTES: Final = 64 * 1024**2  # for records: many times what they ever take
_RECORDS_KEPT: Final = 1_000  # then one with everything makes the earlier ones superfluous


class OutcomeLog(Protocol):
    """Outcome records and dead letters on disk. Every method raises Unavailable."""

    async def read(self, *, after: int, max_records: int = ...) -> list[StoredGroup]:
        """Records that follow sequence ``after``, in order; MUST be empty only at the end."""
        ...

    async def commit(self, record: bytes, *, expected: int, copies: Sequence[Copy] = ...) -> int:
        """Store record and copies, all or nothing. MUST raise Fenced when ``expected`` is old."""
        ...

    async def truncate(self, *, through: int) -> None:
        """Forget records up to ``through``; MUST keep copies."""
        ...

    async def read_copies(
        self, shelf: Shelf, source: int, *, after: int, max_copies: int = ...
    ) -> list[StoredGroup]:
        """Copies that follow sequence ``after``, in order."""
        ...

    async def truncate_copies(self, shelf: Shelf, source: int, *, through: int) -> None:
        """Forget this source's copies up to sequence ``through``."""
        ...

    async def sources_on(self, shelf: Shelf) -> dict[int, int]:
        """How many copies lie on this shelf, by source number."""
        ...

    async def room(self) -> int:
        """How many bytes may still be added."""
        ...


class Truncatable(Protocol):
    """The log, seen from here. Raises Unavailable."""

    async def truncate(self, *, through: int) -> None:
        """Forget the groups up to ``through``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    apply: Callable[[Ledger], None]
    copies: Sequence[Copy]
    written: asyncio.Future[int]
    held: Sequence[int] = ()  # the sources whose copies these are
    held_through: int = 0


class Journal:
    """The one writer of outcome records; its ledger is what they add up to."""

    def __init__(self, outcomes: OutcomeLog, log: Truncatable, *, tick: timedelta = _TICK) -> None:
        self.ledger = Ledger()
        self.read_through = 0  # how far the dispatcher has read the log
        self.outcomes: Final = outcomes
        self._log = log
        self._tick = tick.total_seconds()
        self._last = 0
        self._records = 0
        self._truncated_through = 0
        self._resolved_before = 0  # as of the last tick
        self._shelved: dict[int, int] = {}
        self._waiting: list[_Change] = []
        self._wake = asyncio.Event()

    async def open(self, *, log_first: int, log_last: int) -> bool:
        """Read what was recorded and take over from whoever wrote it.

        False when the log is not the one that the records are about: it is shorter, so it was
        replaced, and everything in it counts as new.
        """
        while records := await self.outcomes.read(after=self._last):
            for stored in records:
                self.ledger.apply(msgspec.msgpack.decode(stored.data, type=OutcomeRecord))
            self._last = records[-1].sequence
        is_same_log = self.ledger.counted_through <= log_last
        if not is_same_log:
            self.ledger.start_over()
        self._shelved = {n: account.held_through for n, account in self.ledger.accounts.items()}
        self.read_through = self._truncated_through = self._resolved_before = log_first - 1
        await self._write(copies=[], is_whole=True)
        return is_same_log

    async def resolve(
        self,
        source: int,
        through: Position,
        *,
        delivered: int,
        letters: Sequence[DeadLetter] = (),
        expired: int = 0,
    ) -> None:
        """Record the outcome of everything of ``source`` up to ``through``; returns once on disk.

        At most MAX_COPIES letters.
        """

        def apply(ledger: Ledger) -> None:
            ledger.resolve(source, through, delivered=delivered, dead=len(letters), expired=expired)

        await self._record(apply, [_shelve(letter) for letter in letters])

    async def hold(self, sources: Iterable[int], through: int, *, copies: Sequence[Copy]) -> int:
        """Record that what waits of ``sources`` up to group ``through`` is on their shelves.

        ``copies``, at most MAX_COPIES, go there with the record, right before it: its sequence is
        the answer.
        """
        numbers = tuple(sources)

        def apply(ledger: Ledger) -> None:
            for number in numbers:
                ledger.hold(number, through=through)

        return await self._record(apply, copies, held=numbers, held_through=through)

    def shelved_through(self, source: int) -> int:
        """The last group of which this source's shelf has what waits, on disk.

        The ledger says so a moment too early: it holds what the record under way will say.
        """
        return self._shelved.get(source, 0)

    def skip(self, sources: Iterable[int], through: int) -> None:
        """Nothing of these sources waits in groups up to ``through`` that is not on a shelf."""
        for source in sources:
            self.ledger.hold(source, through=through)
            self._shelved[source] = max(self.shelved_through(source), through)

    async def room(self) -> int:
        """How many bytes of copies may be added, so that records always have their place."""
        return await self.outcomes.room() - _RESERVED_BYTES

    async def _record(
        self,
        apply: Callable[[Ledger], None],
        copies: Sequence[Copy],
        *,
        held: Sequence[int] = (),
        held_through: int = 0,
    ) -> int:
        change = _Change(
            apply=apply,
            copies=copies,
            written=asyncio.get_running_loop().create_future(),
            held=held,
            held_through=held_through,
        )
        self._waiting.append(change)
        self._wake.set()
        return await change.written

    async def run(self) -> None:
        """Write records until cancelled. Raises Fenced, Unavailable."""
        clock = asyncio.get_running_loop().time
        tick = clock() + self._tick
        while True:
            try:
                async with asyncio.timeout_at(tick):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            while self._waiting:
                await self._write_waiting()
            if clock() >= tick:
                if self.ledger.has_changes:
                    await self._write(copies=[])
                await self._truncate()
                tick = clock() + self._tick

    async def _write_waiting(self) -> None:
        taken, copies = self._take()
        for change in taken:
            change.apply(self.ledger)
        await self._write(copies=copies)
        for change in taken:
            for source in change.held:
                self._shelved[source] = max(self.shelved_through(source), change.held_through)
            if not change.written.done():
                change.written.set_result(self._last)

    def _take(self) -> tuple[list[_Change], list[Copy]]:
        taken: list[_Change] = []
        copies: list[Copy] = []
        while self._waiting and len(copies) + len(self._waiting[0].copies) <= MAX_COPIES:
            # Whoever is told the sequence of the record counts back from it to find its copies.
            if copies and self._waiting[0].copies:
                break
            taken.append(self._waiting.pop(0))
            copies.extend(taken[-1].copies)
        return taken, copies

    async def _write(self, *, copies: Sequence[Copy], is_whole: bool = False) -> None:
        is_whole = is_whole or self._records >= _RECORDS_KEPT
        record = self.ledger.record(now=datetime.now(UTC), is_whole=is_whole)
        self._last = await self.outcomes.commit(
            msgspec.msgpack.encode(record), expected=self._last, copies=copies
        )
        self._records += 1
        if is_whole:
            await self.outcomes.truncate(through=self._last - 1)
            self._records = 0

    async def _truncate(self) -> None:
        # What was delivered stays for a tick: time enough for other readers to have seen it.
        through = self._resolved_before
        self._resolved_before = self.ledger.resolved_through(read_through=self.read_through)
        if through > self._truncated_through:
            await self._log.truncate(through=through)
            self._truncated_through = through


def _shelve(letter: DeadLetter) -> Copy:
    return Copy(shelf=Shelf.DEAD, source=letter.source, data=msgspec.msgpack.encode(letter))
