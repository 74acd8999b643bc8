"""Watches how long the log has room for an outage, and says in good time when it is too little."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol

from firstparty.spool.beside import OwnServer
from firstparty.spool.log import LogState
from firstparty.spool.room import Room, RoomNow, Sample, measure_rates
from firstparty.telemetry import Log

LOOK_EVERY: Final = timedelta(minutes=1)
_LOOKS_KEPT: Final = 61  # an hour's: what arrives in a minute says little about the next hours
_SAY_AGAIN_SECONDS: Final = 3_600.0


class Sized(Protocol):
    """The log as far as its size matters. Raises Unavailable."""

    async def state(self) -> LogState:
        """What the log holds."""
        ...


class Shelves(Protocol):
    """Where what waits for long lies. Raises Unavailable."""

    async def room(self) -> int:
        """How many bytes may still be added."""
        ...


class RoomWatch:
    """Measures now and then; the newest measurement is in ``now``."""

    def __init__(
        self,
        *,
        log: Sized,
        shelves: Shelves,
        log_max_bytes: int,
        own_server: OwnServer | None,
        wanted: timedelta,
        now: RoomNow,
    ) -> None:
        self._log = log
        self._shelves = shelves
        self._log_max_bytes = log_max_bytes
        self._own_server = own_server
        self._wanted = wanted.total_seconds()
        self._now = now
        self._samples: deque[Sample] = deque(maxlen=_LOOKS_KEPT)
        self._said_at: float | None = None  # None: there was enough when it was last looked at

    async def run(self, read: Callable[[], tuple[int, int, int]], *, every: timedelta) -> None:
        """Look until cancelled; ``read`` says how many groups, bytes and messages were read."""
        clock = asyncio.get_running_loop().time
        while True:
            await self.look(read(), at=clock())
            await asyncio.sleep(every.total_seconds())

    async def look(self, read: tuple[int, int, int], *, at: float) -> None:
        """Measure once. Raises Unavailable."""
        state = await self._log.state()
        groups, size, messages = read
        self._samples.append(
            Sample(at=at, last=state.last, groups=groups, size=size, messages=messages)
        )
        size_per_second, messages_per_second = measure_rates(self._samples[0], self._samples[-1])
        free = None if self._own_server is None else self._own_server.room_bytes()
        limit = max(0, self._log_max_bytes - state.size_bytes) + max(0, await self._shelves.room())
        room = self._now.room = Room(
            disk_bytes=free,
            limit_bytes=limit,
            bytes_per_second=size_per_second,
            messages_per_second=messages_per_second,
            wanted_seconds=self._wanted,
        )
        self._say(room, at=at)

    def _say(self, room: Room, *, at: float) -> None:
        if not room.is_short:
            if self._said_at is not None:
                Log("forward").info("forward.room_enough", sentence=room.sentence)
            self._said_at = None
        elif self._said_at is None or at - self._said_at >= _SAY_AGAIN_SECONDS:
            self._said_at = at
            Log("forward").warning(
                "forward.room_short",
                sentence=room.sentence,
                advice=room.advice,
                free_bytes=room.free_bytes,
                seconds=round(room.seconds or 0.0),
            )
