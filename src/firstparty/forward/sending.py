"""One source's requests: each sent until its upstream has decided, however long that takes."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from firstparty.counts import Counts
from firstparty.forward.batch import Pack, Prepared, count_messages
from firstparty.forward.breaker import Breakers, is_up
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
from firstparty.model.feed import EdgeSource
from firstparty.spool.traffic import Traffic
from firstparty.telemetry import Log


class Upstream(Protocol):
    """Where batches go."""

    async def send(self, source: EdgeSource, texts: Sequence[bytes]) -> Answer:
        """Deliver the messages in ``texts``, JSON objects with commas between them, in order.

        MUST NOT raise for what the other side, the network or the disk does.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all sources deliver with. Messages older than ``expire_after`` are given up.

    In ``traffic`` is counted what comes and goes, for charts; in ``counts`` what is asked upstream.
    """

    directory: SourceDirectory
    upstream: Upstream
    breakers: Breakers = field(default_factory=Breakers)
    expire_after: timedelta | None = None
    traffic: Traffic = field(default_factory=Traffic)
    counts: Counts = field(default_factory=Counts)


class Sender:
    """The way to one source's upstream."""

    def __init__(self, number: int, means: Means) -> None:
        self.is_failing = False
        self._number = number
        self._means = means
        self._log: Final = Log("forward")

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
        failures = 0
        while True:
            source = await self.settings()
            answer = await self._try(source, texts)
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

    async def _try(self, source: EdgeSource, texts: Sequence[bytes]) -> Answer | None:
        breakers, origin = self._means.breakers, source.upstream
        clock = asyncio.get_running_loop().time
        kept = breakers.admit(origin, now=clock())
        if kept is not None:
            self.is_failing = True
            await self._wait(source, kept)
            return None
        began = clock()
        try:
            answer = await self._means.upstream.send(source, texts)
        except BaseException:
            breakers.withdraw(origin)
            raise
        self._means.counts.add("forward_request_seconds_total", by=clock() - began)
        jitter = random.random()  # noqa: S311 - spreads probes
        breakers.report(origin, is_up=is_up(answer), now=clock(), jitter=jitter)
        return answer

    async def _wait(self, source: EdgeSource, within: timedelta) -> None:
        await self._means.directory.wait_until_other(self._number, source, within=within)

    def _is_too_old(self, items: Sequence[Prepared | Pack]) -> bool:
        limit = self._means.expire_after
        if limit is None or is_replayed(items):
            return False
        return datetime.now(UTC) - received_at(items[-1]) > limit


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


def is_replayed(items: Sequence[Prepared | Pack]) -> bool:
    """Whether somebody asked for one of these to be sent once more, however old it is."""
    return any(
        isinstance(item, Prepared) and item.message.origin.replayed_index is not None
        for item in items
    )
