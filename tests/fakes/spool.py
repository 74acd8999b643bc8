"""The log and its outcomes in memory, for the forwarder."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from firstparty.spool.direct import StoredGroup
from firstparty.spool.log import LogState
from firstparty.spool.outcomes import Copy, Fenced, Shelf


class FakeLog:
    """Groups in a list; the sequence of a group is its place, from 1 on."""

    def __init__(self) -> None:
        self._groups: list[bytes] = []
        self._first = 1
        self._arrivals: set[asyncio.Event] = set()

    @property
    def is_empty(self) -> bool:
        return self._first > len(self._groups)

    async def append(self, group: bytes) -> int:
        self._groups.append(group)
        for event in self._arrivals:
            event.set()
        return len(self._groups)

    async def read(
        self, *, after: int, max_groups: int = 64, max_bytes: int = 1024**2
    ) -> list[StoredGroup]:
        found: list[StoredGroup] = []
        size = 0
        for sequence in range(max(after + 1, self._first), len(self._groups) + 1):
            data = self._groups[sequence - 1]
            size += len(data)
            if found and (len(found) == max_groups or size > max_bytes):
                break
            found.append(StoredGroup(sequence=sequence, data=data))
        await asyncio.sleep(0)
        return found

    async def state(self) -> LogState:
        size = sum(map(len, self._groups[self._first - 1 :]))
        return LogState(first=self._first, last=len(self._groups), size_bytes=size)

    async def truncate(self, *, through: int) -> None:
        self._first = max(self._first, through + 1)

    @asynccontextmanager
    async def arrivals(self) -> AsyncIterator[asyncio.Event]:
        event = asyncio.Event()
        self._arrivals.add(event)
        try:
            yield event
        finally:
            self._arrivals.remove(event)


class FakeOutcomes:
    """Records and copies in one list, as in one stream."""

    def __init__(self) -> None:
        self._records: dict[int, bytes] = {}
        self._copies: dict[int, Copy] = {}
        self._sequence = 0
        self._last = 0
        self.max_bytes = 1024**3

    async def read(self, *, after: int, max_records: int = 256) -> list[StoredGroup]:
        found = [
            StoredGroup(sequence=sequence, data=data)
            for sequence, data in self._records.items()
            if sequence > after
        ]
        return found[:max_records]

    async def commit(self, record: bytes, *, expected: int, copies: Sequence[Copy] = ()) -> int:
        await asyncio.sleep(0)
        if expected != self._last:
            raise Fenced("forwarder-fenced", f"{expected} is not {self._last}")
        for copy in copies:
            self._sequence += 1
            self._copies[self._sequence] = copy
        self._sequence += 1
        self._records[self._sequence] = record
        self._last = self._sequence
        return self._sequence

    async def truncate(self, *, through: int) -> None:
        self._records = {s: data for s, data in self._records.items() if s > through}

    async def read_copies(
        self, shelf: Shelf, source: int, *, after: int, max_copies: int = 64
    ) -> list[StoredGroup]:
        found = [
            StoredGroup(sequence=sequence, data=copy.data)
            for sequence, copy in self._copies.items()
            if sequence > after and (copy.shelf, copy.source) == (shelf, source)
        ]
        return found[:max_copies]

    async def truncate_copies(self, shelf: Shelf, source: int, *, through: int) -> None:
        self._copies = {
            sequence: copy
            for sequence, copy in self._copies.items()
            if sequence > through or (copy.shelf, copy.source) != (shelf, source)
        }

    async def sources_on(self, shelf: Shelf) -> dict[int, int]:
        return dict(Counter(c.source for c in self._copies.values() if c.shelf is shelf))

    async def room(self) -> int:
        return self.max_bytes - sum(len(copy.data) for copy in self._copies.values())
