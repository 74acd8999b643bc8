"""What the process of the forwarder tells: room for messages that wait, and what arrives."""

from collections.abc import Iterator

from firstparty.serve.metrics.catalogue import LOG_GROWTH, LOG_ROOM, LOG_WANTED
from firstparty.serve.metrics.text import Sample
from firstparty.spool.room import RoomNow


def collect_forward(now: RoomNow) -> Iterator[Sample]:
    """The samples, once there is a measurement."""
    room = now.room
    if room is not None:
        yield Sample(metric=LOG_ROOM, value=room.free_bytes)
        yield Sample(metric=LOG_GROWTH, value=room.bytes_per_second)
        yield Sample(metric=LOG_WANTED, value=room.wanted_seconds)
