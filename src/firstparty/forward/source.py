"""One source's messages, from the log to their outcome, in order, one batch in flight.

A source whose queue is full (its upstream is down, or slower than its visitors) falls *behind*:
the dispatcher leaves its messages in the log and goes on, and the source reads them from there by
itself, from its own position, until it has caught up.
"""

import random
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from firstparty.forward.batch import (
    Item,
    Prepared,
    build_batch,
    condemn,
    count_fitting,
    prepare,
)
from firstparty.forward.delivery import Answer, Dead, Delivered, Park, Retry, Split, judge
from firstparty.forward.directory import SourceDirectory
from firstparty.forward.expand import BadMessage, Line, Position
from firstparty.forward.journal import Journal
from firstparty.forward.ledger import build_dead_letter
from firstparty.model.feed import EdgeSource
from firstparty.spool.outcomes import MAX_COPIES
from firstparty.telemetry import Log

MAX_QUEUE_BYTES: Final = 1024**2  # of one source; two batches' worth
MAX_QUEUES_BYTES: Final = 64 * 1024**2  # of all sources together


class Upstream(Protocol):
    """Where batches go."""

    async def send(self, origin: str, write_key: str, body: bytes) -> Answer:
        """Deliver ``body``; MUST NOT raise for what the other side or the network does."""
        ...


class Backlog(Protocol):
    """The log, as far as the dispatcher has read it, for a source that is behind."""

    async def messages_of(self, source: int, *, after: int) -> tuple[list[Line], int, bool]:
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
        directory: SourceDirectory,
        upstream: Upstream,
        backlog: Backlog,
        room: Room,
    ) -> None:
        self.number = number
        self.is_running = False
        self._journal = journal
        self._directory = directory
        self._upstream = upstream
        self._backlog = backlog
        self._room = room
        self._queue: deque[Line] = deque()
        self._queued_bytes = 0
        self._read_through: int | None = None  # while behind: how far it has read by itself
        self._log = Log("forward")

    def offer(self, lines: Sequence[Line], *, sequence: int) -> None:
        """Take in what group ``sequence`` has of this source, or leave it there and fall behind."""
        if self._read_through is not None:
            return
        size = sum(len(line.raw) for line in lines)
        is_full = (
            self._queued_bytes + size > MAX_QUEUE_BYTES
            or self._room.used_bytes + size > MAX_QUEUES_BYTES
        )
        if is_full and self._queue:
            self._read_through = sequence - 1
            return
        self._enqueue(lines)

    async def run(self) -> None:
        """Bring everything to its outcome; returns when there is nothing left to do."""
        try:
            while self._queue or self._read_through is not None:
                if self._queue:
                    await self._deliver(await self._next_batch())
                else:
                    await self._catch_up()
        finally:
            self.is_running = False

    def _enqueue(self, lines: Sequence[Line]) -> None:
        resolved = self._journal.ledger.account(self.number).resolved
        for line in lines:
            if line.position > resolved:
                self._queue.append(line)
                self._resize(len(line.raw))

    def _resize(self, size: int) -> None:
        self._queued_bytes += size
        self._room.used_bytes += size

    async def _catch_up(self) -> None:
        assert self._read_through is not None
        lines, through, is_level = await self._backlog.messages_of(
            self.number, after=self._read_through
        )
        self._enqueue(lines)
        self._read_through = None if is_level else through

    async def _next_batch(self) -> list[Item]:
        count = count_fitting(self._queue)
        lines = [self._queue.popleft() for _ in range(count)]
        self._resize(-sum(len(line.raw) for line in lines))
        if all(isinstance(line, BadMessage) for line in lines):
            return [line for line in lines if isinstance(line, BadMessage)]
        source = await self._settings()
        return [prepare(line, source_type=source.type) for line in lines]

    async def _deliver(self, items: Sequence[Item]) -> None:
        """Bring these to their outcome, first to last."""
        bodies = [item.body for item in items if isinstance(item, Prepared)]
        if not bodies:
            await self._record(items)
            return
        match await self._send(bodies):
            case Delivered():
                await self._record(items)
            case Split():
                middle = _middle(items)
                await self._deliver(items[:middle])
                await self._deliver(items[middle:])
            case Dead(reason=reason):
                await self._record([_condemned(item, reason) for item in items])

    async def _send(self, bodies: Sequence[bytes]) -> Delivered | Split | Dead:
        """Send the messages until the upstream has decided, however long that takes."""
        failures = 0
        while True:
            source = await self._settings()
            now = datetime.now(UTC)
            body = build_batch(bodies, sent_at=now, write_key=source.write_key)
            answer = await self._upstream.send(source.upstream, source.write_key, body)
            outcome = judge(
                answer,
                messages=len(bodies),
                failures=failures,
                jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
                now=datetime.now(UTC),
            )
            if not isinstance(outcome, Retry | Park):
                if failures:
                    self._log.info("forward.upstream_back", source=source.id, tries=failures + 1)
                return outcome
            if failures == 0 or isinstance(outcome, Park):
                event = "parked" if isinstance(outcome, Park) else "failing"
                self._log.warning(f"forward.{event}", source=source.id, reason=outcome.reason)
            failures += 1
            # A corrected write key or upstream is tried at once.
            await self._directory.wait_until_other(self.number, source, within=outcome.after)

    async def _settings(self) -> EdgeSource:
        """The source as the feed has it; waits, however long, for one that it does not have."""
        source = self._directory.find(self.number)
        if source is None:
            self._log.warning("forward.source_unknown", number=self.number)
        while source is None:
            await self._directory.wait_until_other(self.number, None)
            source = self._directory.find(self.number)
        return source

    async def _record(self, items: Sequence[Item]) -> None:
        """Have the outcome of these on disk before anything after them is sent."""
        for start in range(0, len(items), MAX_COPIES):
            part = items[start : start + MAX_COPIES]
            now = datetime.now(UTC)
            letters = [
                build_dead_letter(item, source=self.number, now=now)
                for item in part
                if isinstance(item, BadMessage)
            ]
            for letter in letters:
                self._log.warning(
                    "forward.dead",
                    number=self.number,
                    position=tuple(letter.position),
                    reason=letter.reason.partition(":")[0],
                )
            await self._journal.resolve(
                self.number,
                Position(*part[-1].position),
                delivered=len(part) - len(letters),
                letters=letters,
            )


def _middle(items: Sequence[Item]) -> int:
    """Where to cut so that each side has half of the messages that can be sent."""
    ready = [index for index, item in enumerate(items) if isinstance(item, Prepared)]
    return ready[len(ready) // 2]


def _condemned(item: Item, reason: str) -> BadMessage:
    return condemn(item.message, reason=reason) if isinstance(item, Prepared) else item
