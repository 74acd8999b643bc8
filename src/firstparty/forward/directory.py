"""Which source a number in the log stands for, as the feed says it at the moment."""

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import msgspec

from firstparty.model.feed import AnySource, EdgeDomain, EdgeSource, FeedEntry, Topic
from firstparty.telemetry import Log

TOPICS: Final = (Topic.EDGE, Topic.SOURCES)


def _read_sources(topic: Topic, body: bytes) -> tuple[EdgeSource, ...]:
    if topic is Topic.SOURCES:
        return (msgspec.json.decode(body, type=AnySource).source,)
    return msgspec.json.decode(body, type=EdgeDomain).sources


class SourceDirectory:
    """Sources by number. ``apply`` takes the feed's entries in."""

    def __init__(self) -> None:
        self._domains: dict[str, tuple[EdgeSource, ...]] = {}
        self._sources: dict[int, EdgeSource] = {}
        self._changed = asyncio.Event()

    def apply(self, entries: Iterable[FeedEntry]) -> None:
        """Take in entries of TOPICS; an unreadable one leaves what it is of as it was."""
        for entry in entries:
            if entry.body is None:
                self._domains.pop(entry.key, None)
                continue
            try:
                self._domains[entry.key] = _read_sources(entry.topic, entry.body)
            except msgspec.DecodeError as error:
                Log("forward").error("forward.entry_unreadable", key=entry.key, error=error)
        self._sources = {
            source.number: source for sources in self._domains.values() for source in sources
        }
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def find(self, number: int) -> EdgeSource | None:
        """The source that has this number, if there is one at the moment."""
        return self._sources.get(number)

    async def wait_until_filled(self, *, within: timedelta) -> None:
        """Return when the feed has been taken in for the first time, or when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                while not self._domains:
                    await self._changed.wait()

    async def wait_until_other(
        self, number: int, known: EdgeSource | None, *, within: timedelta | None = None
    ) -> None:
        """Return when the source is another than ``known``, or when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if within is None else within.total_seconds()):
                while self.find(number) == known:
                    await self._changed.wait()
