"""The receiving side of a NATS connection, fed with bytes as they may arrive."""

import asyncio
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstparty.spool.wire import Wire

RAW_SID = 7


class Before(asyncio.Protocol):
    """The protocol that the connection had."""

    def __init__(self) -> None:
        self.lost: list[Exception | None] = []

    def connection_lost(self, exc: Exception | None) -> None:
        """Note it."""
        self.lost.append(exc)


class Reader:
    """A wire with one taker."""

    def __init__(self, began: bytes = b"") -> None:
        self.taken: list[tuple[bytes, bytes, bytes]] = []
        self.before = Before()
        self.wire = Wire({RAW_SID: lambda *seen: self.taken.append(seen)}, self.before, began)

    def feed(self, data: bytes) -> None:
        """As the event loop would: no more at once than there is room for."""
        while data:
            room = self.wire.get_buffer(-1)
            part = data[: len(room)]
            room[: len(part)] = part
            self.wire.buffer_updated(len(part))
            data = data[len(part) :]


def message(sid: int, data: bytes, *, headers: bytes = b"", reply: bytes = b"") -> bytes:
    """A message as the server sends it."""
    words = [b"HMSG" if headers else b"MSG", b"inbox.1", b"%d" % sid]
    words += [reply] if reply else []
    words += [b"%d" % len(headers)] if headers else []
    line = b" ".join((*words, b"%d" % (len(headers) + len(data))))
    return b"%b\r\n%b%b\r\n" % (line, headers, data)


# Of a payload: what it repeats, and how often; so that a failure can be printed.
payloads = st.one_of(
    st.tuples(st.binary(max_size=40), st.just(1)),
    st.tuples(
        st.sampled_from([b"PING\r\n", b"MSG a 7 1\r\n"]), st.sampled_from([1, 9_000, 40_000])
    ),
)
headers = st.sampled_from([b"", b"NATS/1.0\r\n\r\n", b"NATS/1.0 204 EOB\r\n\r\n"])
frames = st.one_of(
    st.tuples(st.sampled_from([RAW_SID, 3]), payloads, headers, st.sampled_from([b"", b"back.2"])),
    st.sampled_from([b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b"INFO {}\r\n", b"-ERR 'Stale'\r\n"]),
)


@settings(max_examples=60)
@given(
    st.lists(frames, max_size=8),
    st.lists(st.integers(1, 200_000), min_size=2, max_size=8),
    st.integers(0, 100),
)
async def test_every_frame_arrives_whole_however_the_stream_is_cut(
    sent: list[bytes | tuple[int, tuple[bytes, int], bytes, bytes]], cuts: list[int], began: int
) -> None:
    taken, others, stream = [], b"", b""
    for one in sent:
        if isinstance(one, bytes):
            others += one
            stream += one
            continue
        sid, (unit, count), head, reply = one
        data = unit * count
        frame = message(sid, data, headers=head, reply=reply)
        stream += frame
        if sid == RAW_SID:
            taken.append((b"inbox.1", head, data))
        else:
            others += frame
    reader = Reader(began=stream[:began])
    at = min(began, len(stream))
    for cut in cycle(cuts):
        reader.feed(stream[at : at + cut])
        at += cut
        if at >= len(stream):
            break
    reader.wire.connection_lost(None)

    assert reader.taken == taken
    assert await reader.wire.read_others() == others


async def test_whoever_waits_is_woken_by_a_frame_and_by_the_end() -> None:
    reader = Reader()
    first = asyncio.create_task(reader.wire.read_others())
    await asyncio.sleep(0)
    reader.feed(b"PI")
    await asyncio.sleep(0)
    is_early = first.done()
    reader.feed(b"NG\r\n")
    seen = await first
    second = asyncio.create_task(reader.wire.read_others())
    await asyncio.sleep(0)
    error = ConnectionResetError()
    reader.wire.connection_lost(error)

    assert not is_early
    assert seen == b"PING\r\n"
    assert await second == b""
    assert reader.wire.is_at_end
    assert reader.before.lost == [error]


def test_a_line_that_does_not_end_is_refused() -> None:
    reader = Reader()

    with pytest.raises(ValueError, match="does not end"):
        reader.feed(b"x" * (2 * 1024 * 1024))


def test_a_large_buffer_is_given_back_once_it_is_empty() -> None:
    reader = Reader()
    reader.feed(message(RAW_SID, b"z" * (6 * 1024 * 1024)))

    assert len(reader.wire.get_buffer(-1)) < 1024 * 1024
    assert len(reader.taken[0][2]) == 6 * 1024 * 1024
