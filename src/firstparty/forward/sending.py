"""One source's requests: each sent until its upstream has decided, however long that takes."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from firstparty.counts import Counts
from firstparty.forward.batch import Item, Pack, Prepared, count_messages
from firstparty.forward.breaker import Breakers, is_up
from firstparty.forward.clock import Expiry, SendingClock, is_ahead
from firstparty.forward.delivery import (
    PARKED_FOR,
    Answer,
    Dead,
    Delivered,
    Expired,
    Outcome,
    Park,
    Retry,
    Split,
    judge,
)
from firstparty.forward.directory import SourceDirectory
from firstparty.forward.expand import BadMessage
from firstparty.model.feed import EdgeSource
from firstparty.spool.traffic import Traffic
from firstparty.telemetry import Log

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Upstream(Protocol):
    """Where batches go."""

    async def send(
        self, source: EdgeSource, texts: Sequence[bytes], *, sent_at: datetime
    ) -> Answer:
        """Deliver the messages in ``texts``, JSON objects with commas between them, in order.

        ``sent_at`` is the time to be told, on the clock that the messages were received by.
        MUST NOT raise for what the other side, the network or the disk does.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all sources deliver with. ``expiry``: when messages are given up; None: never.

    In ``traffic`` is counted what comes and goes, for charts; in ``counts`` what is asked upstream.
    """

    directory: SourceDirectory
    upstream: Upstream
    breakers: Breakers = field(default_factory=Breakers)
    expiry: Expiry | None = None
    traffic: Traffic = field(default_factory=Traffic)
    counts: Counts = field(default_factory=Counts)


class Sender:
    """The way to one source's upstream."""

    def __init__(self, number: int, means: Means) -> None:
        self.is_failing = False
        self._number = number
        self._means = means
        self._newest = _LONG_AGO  # of what was to be sent so far: when it came
        self._log: Final = Log("forward")

    @property
    def is_known(self) -> bool:
        """Whether the feed has the source at the moment."""
        return self._means.directory.find(self._number) is not None

    async def settings(self) -> EdgeSource:
        """The source as the feed has it; waits, however long, for one that it does not have."""
        directory = self._means.directory
        source = directory.find(self._number)
        if source is None:
            self._log.warning("forward.source_unknown", number=self._number)
        while source is None:
            await directory.wait_until_other(self._number, None)
            source = directory.find(self._number)
        return source

    async def send(self, items: Sequence[Prepared | Pack]) -> Delivered | Split | Dead | Expired:
        """Send these as one request, again and again, until there is an outcome."""
        texts = [item.text for item in items]
        messages = count_messages(items)
        received = received_at(items[-1])
        # Nothing is older than what came before it, whatever the clock said.
        self._newest = max(self._newest, received)
        steady = asyncio.get_running_loop().time()
        clock = SendingClock(received, wall=datetime.now(UTC), steady=steady)
        failures = 0
        while True:
            source = await self.settings()
            answer = await self._try(source, texts, clock)
            if answer is None:  # kept from asking, for the upstream is known to be down
                if self._is_too_old(items):
                    return Expired()
                continue
            outcome = _judge(answer, messages=messages, failures=failures)
            self._means.counts.add("forward_requests_total", type(outcome).__name__.lower())
            self.is_failing = isinstance(outcome, Retry | Park)
            if not isinstance(outcome, Retry | Park):
                if failures:
                    self._log.info("forward.upstream_back", source=source.id, tries=failures + 1)
                return outcome
            if failures == 0 or isinstance(outcome, Park):
                event = "parked" if isinstance(outcome, Park) else "failing"
                self._log.warning(f"forward.{event}", source=source.id, reason=outcome.reason)
            failures += 1
            if self._is_too_old(items):
                return Expired()
            if not self._means.breakers.is_open(source.upstream):
                # A corrected write key or upstream is tried at once.
                await self._wait(source, outcome.after)

    async def _try(
        self, source: EdgeSource, texts: Sequence[bytes], clock: SendingClock
    ) -> Answer | None:
        breakers, origin = self._means.breakers, source.upstream
        steady = asyncio.get_running_loop().time
        kept = breakers.admit(origin, now=steady())
        if kept is not None:
            self.is_failing = True
            await self._wait(source, kept)
            return None
        began = steady()
        try:
            answer = await self._means.upstream.send(
                source, texts, sent_at=clock.read(steady=began)
            )
        except BaseException:
            breakers.withdraw(origin)
            raise
        self._means.counts.add("forward_request_seconds_total", by=steady() - began)
        jitter = random.random()  # noqa: S311 - spreads probes
        breakers.report(origin, is_up=is_up(answer), now=steady(), jitter=jitter)
        return answer

    async def _wait(self, source: EdgeSource, within: timedelta) -> None:
        await self._means.directory.wait_until_other(self._number, source, within=within)

    def _is_too_old(self, items: Sequence[Prepared | Pack]) -> bool:
        expiry = self._means.expiry
        if expiry is None or is_replayed(items):
            return False
        steady = asyncio.get_running_loop().time()
        return expiry.is_over(self._newest, wall=datetime.now(UTC), steady=steady)


def _judge(answer: Answer, *, messages: int, failures: int) -> Outcome:
    if answer.refusal:
        return Park(after=PARKED_FOR, reason=answer.refusal)
    return judge(
        answer,
        messages=messages,
        failures=failures,
        jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
        now=datetime.now(UTC),
    )


def received_at(item: Prepared | Pack) -> datetime:
    """When it arrived; of several, the last one."""
    if isinstance(item, Pack):
        return item.frames[-1][1].received_at
    return item.message.origin.entry.received_at


def count_of_one_clock(items: Iterable[Item], *, wall: datetime) -> int:
    """How many of these, from the first on, may say one time of sending.

    What came while the clock was wrongly ahead goes by itself: no one time is right for both.
    """
    count, first = 0, None
    for item in items:
        if not isinstance(item, BadMessage):
            ahead = is_ahead(received_at(item), wall=wall)
            if first is not None and ahead != first:
                break
            first = ahead
        count += 1
    return count


def is_replayed(items: Sequence[Prepared | Pack]) -> bool:
    """Whether somebody asked for one of these to be sent once more, however old it is."""
    return any(
        isinstance(item, Prepared) and item.message.origin.replayed_index is not None
        for item in items
    )
