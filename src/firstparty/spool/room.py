"""How long the log has room for what arrives, should no upstream take anything from now on.

The forwarder, which sees the whole log, measures it; who asks over the log's connection is told.
"""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from firstparty.spool.log import unavailable

_SUBJECT: Final = "log-room"
_ASK_SECONDS: Final = 2.0
_HOUR: Final = 3_600.0


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What the log and the shelves may still take, and what arrives.

    ``disk_bytes`` is what the disk has beyond what must stay free, None where the disk is not ours
    to see; ``limit_bytes`` what ``spool.max_bytes`` leaves of log and shelves together.
    """

    disk_bytes: int | None
    limit_bytes: int
    bytes_per_second: float
    messages_per_second: float
    wanted_seconds: float

    @property
    def free_bytes(self) -> int:
        """How much more may be stored: what runs out first counts."""
        disk = self.limit_bytes if self.disk_bytes is None else self.disk_bytes
        return max(0, min(disk, self.limit_bytes))

    @property
    def seconds(self) -> float | None:
        """How long that is enough for at the present rate; None while nothing arrives."""
        return self.free_bytes / self.bytes_per_second if self.bytes_per_second > 0 else None

    @property
    def is_short(self) -> bool:
        """Whether it is less than what is wanted."""
        return self.seconds is not None and self.seconds < self.wanted_seconds

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        room = f"There is room for {_say_bytes(self.free_bytes)} more of messages that wait"
        if self.seconds is None:
            return f"{room}; none arrive now."
        size = self.bytes_per_second / self.messages_per_second if self.messages_per_second else 0.0
        return (
            f"{room}: {_say_hours(self.seconds)} of an outage at the present "
            f"{self.messages_per_second:,.1f} messages a second of {size:,.0f} bytes each "
            f"({_say_hours(self.wanted_seconds)} are wanted)."
        )

    @property
    def advice(self) -> str:
        """What an operator can do about it."""
        if self.disk_bytes is not None and self.disk_bytes < self.limit_bytes:
            return "Give the state directory a larger disk, or free some of it."
        return "Raise spool.max_bytes, as far as the disk allows."


@dataclass(slots=True)
class RoomNow:
    """The newest measurement of this process; None before there is one."""

    room: Room | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was seen at one time, in seconds of any one clock.

    ``last`` is the log's last sequence; ``groups``, ``size`` (bytes) and ``messages`` are what was
    read of it so far, which may lag behind, or have begun at any time.
    """

    at: float
    last: int
    groups: int
    size: int
    messages: int


def measure_rates(first: Sample, last: Sample) -> tuple[float, float]:
    """Bytes and messages that arrive each second, between two samples.

    How many groups arrived, the log knows, however far it has been read; how large they are is
    taken from those that were read meanwhile.
    """
    elapsed, read = last.at - first.at, last.groups - first.groups
    if elapsed <= 0 or read <= 0:
        return 0.0, 0.0
    groups = max(0, last.last - first.last) / elapsed
    return groups * (last.size - first.size) / read, groups * (
        last.messages - first.messages
    ) / read


@asynccontextmanager
async def tell_room(connection: Client, now: RoomNow) -> AsyncIterator[None]:
    """Tell whoever asks, until the end of the block. Raises Unavailable."""

    async def answer(message: Msg) -> None:
        if now.room is not None:
            await message.respond(msgspec.json.encode(now.room))

    with unavailable("room"):
        subscription = await connection.subscribe(_SUBJECT, cb=answer)
    try:
        yield
    finally:
        # Else the connection is gone, and the subscription with it.
        with contextlib.suppress(nats.errors.Error):
            await subscription.unsubscribe()


async def ask_room(connection: Client) -> Room | None:
    """What the forwarder measured last; None if none says so in time."""
    try:
        answer = await connection.request(_SUBJECT, timeout=_ASK_SECONDS)
        return msgspec.json.decode(answer.data, type=Room)
    except (nats.errors.Error, TimeoutError, msgspec.DecodeError):
        return None


def _say_bytes(count: int) -> str:
    return f"{count / 1024**3:,.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:,.1f} MiB"


def _say_hours(seconds: float) -> str:
    hours = seconds / _HOUR
    return f"{hours:,.0f} hours" if hours >= 10 else f"{hours:.1f} hours"  # noqa: PLR2004 - digits
