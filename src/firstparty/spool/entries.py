"""Framing of the log: what one request left, and how a group of them becomes one log message.

A *group* is a version byte, a count, and that many entries; an entry is a fixed header, then the
user agent, then the body as it came (gzip kept). All integers are little-endian. There is no
checksum here: JetStream keeps a 64-bit hash of every message and checks it when it reads.
"""

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final

import msgspec

from firstparty.model.messages import Encoding, Path

VERSION: Final = 1
ENTRY_OVERHEAD_BYTES: Final = 56  # of an entry, beside its user agent and body
MAX_USER_AGENT_BYTES: Final = 0xFFFF

_GROUP: Final = struct.Struct("<BxxxI")  # version, count
# received at (ms since 1970), id, address, source, body length, user agent length, path, encoding
_ENTRY: Final = struct.Struct("<q16s16sIIHBBxxxx")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MS: Final = 253_402_300_799_999  # the last millisecond that datetime knows
_MILLISECOND: Final = timedelta(milliseconds=1)
_MAX_PATH: Final = max(Path)  # their values have no gaps
_MAX_ENCODING: Final = max(Encoding)

# Larger bodies are handed on where they are; smaller ones are copied together, which costs less.
_MIN_PIECE_BYTES: Final = 8_192

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# An entry in two pieces: its header with the user agent, and its body.
Framed = tuple[bytes, bytes]


class BadGroup(Exception):
    """These bytes are not a group of entries; the message says at which byte and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one accepted request left.

    ``id`` is 16 bytes that no other entry has, whatever log or edge it came through: a message
    without a ``messageId`` gets one derived from it. ``source`` is EdgeSource.number.
    ``user_agent`` is the header as sent, at most 65,535 bytes of it.
    """

    id: bytes
    received_at: datetime
    source: int
    path: Path
    encoding: Encoding
    client_address: Address
    user_agent: str
    body: bytes


def build_entry(  # noqa: PLR0913, PLR0917  # no value is built on the hot path, no names passed
    entry_id: bytes,
    received_at_ms: int,
    source: int,
    path: Path,
    encoding: Encoding,
    client_address: bytes,
    user_agent: bytes,
    body: bytes,
) -> Framed:
    """One entry, framed; the hot path builds it once, from what the request brought.

    ``client_address`` is 16 bytes, an IPv4 address mapped (RFC 4291 §2.5.5.2). The user agent is
    cut at MAX_USER_AGENT_BYTES.
    """
    user_agent = user_agent[:MAX_USER_AGENT_BYTES]
    header = _ENTRY.pack(
        received_at_ms,
        entry_id,
        client_address,
        source,
        len(body),
        len(user_agent),
        path,
        encoding,
    )
    return header + user_agent, body


def build_group(entries: Sequence[bytes]) -> bytes:
    """A group of these framed entries: one copy of each."""
    return b"".join((_GROUP.pack(VERSION, len(entries)), *entries))


def build_pieces(entries: Sequence[Framed]) -> Sequence[bytes]:
    """The same in pieces, to be written one behind the other; no large body is copied."""
    pieces = [_GROUP.pack(VERSION, len(entries)), *chain.from_iterable(entries)]
    if sum(map(len, pieces)) < _MIN_PIECE_BYTES * len(entries):
        return (b"".join(pieces),)
    return pieces


def encode_entry(entry: Entry) -> bytes:
    """An entry as framed bytes, where it is at hand as a value."""
    framed = build_entry(
        entry.id,
        (entry.received_at - _EPOCH) // _MILLISECOND,
        entry.source,
        entry.path,
        entry.encoding,
        pack_address(entry.client_address),
        entry.user_agent.encode("latin-1", "replace"),
        entry.body,
    )
    return b"".join(framed)


def encode_group(entries: Iterable[Entry]) -> bytes:
    """A group of entries that are at hand as values."""
    return build_group([encode_entry(entry) for entry in entries])


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One entry of a group, found and checked, and not opened: what the hot path reads.

    ``path`` and ``encoding`` are values of Path and Encoding; ``address`` is 16 bytes. ``data`` is
    the whole group, of which this entry takes the bytes from ``start`` to ``end``.
    """

    data: bytes
    start: int
    body_start: int
    end: int
    received_at_ms: int
    id: bytes
    address: bytes
    source: int
    path: int
    encoding: int

    @property
    def body(self) -> bytes:
        """The body as it came."""
        return self.data[self.body_start : self.end]

    @property
    def user_agent(self) -> bytes:
        """The header as it was kept, in Latin-1."""
        return self.data[self.start + _ENTRY.size : self.body_start]

    @property
    def framed(self) -> bytes:
        """The entry as ``build_entry`` made it."""
        return self.data[self.start : self.end]

    @property
    def received_at(self) -> datetime:
        """When the request was received."""
        return open_instant(self.received_at_ms)

    def open(self) -> Entry:
        """The entry as a value."""
        return Entry(
            id=self.id,
            received_at=self.received_at,
            source=self.source,
            path=Path(self.path),
            encoding=Encoding(self.encoding),
            client_address=unpack_address(self.address),
            user_agent=self.user_agent.decode("latin-1"),
            body=self.body,
        )


def split_group(data: bytes) -> list[Frame]:
    """The entries of a group. Raises BadGroup on anything that ``build_group`` did not make."""
    if len(data) < _GROUP.size:
        raise BadGroup(f"{len(data)} bytes are too few for a group")
    version, count = _GROUP.unpack_from(data)
    if version != VERSION:
        raise BadGroup(f"version {version} is not {VERSION}")
    frames, start, size = [], _GROUP.size, len(data)
    for _ in range(count):
        body_start = start + _ENTRY.size
        if body_start > size:
            raise BadGroup(f"byte {start}: the header of an entry is cut off")
        at_ms, entry_id, address, source, body, agent, path, encoding = _ENTRY.unpack_from(
            data, start
        )
        body_start += agent
        end = body_start + body
        if end > size:
            raise BadGroup(f"byte {start}: an entry is cut off")
        if not 0 <= at_ms <= _MAX_MS:
            raise BadGroup(f"byte {start}: {at_ms} ms is no time")
        if path > _MAX_PATH or encoding > _MAX_ENCODING:
            raise BadGroup(f"byte {start}: path {path} or encoding {encoding} is not known")
        frames.append(
            Frame(data, start, body_start, end, at_ms, entry_id, address, source, path, encoding)
        )
        start = end
    if start != size:
        raise BadGroup(f"{size - start} bytes are left over after entry {count}")
    return frames


def decode_group(data: bytes) -> list[Entry]:
    """The entries of a group as values. Raises BadGroup as ``split_group`` does."""
    return [frame.open() for frame in split_group(data)]


def open_instant(milliseconds: int) -> datetime:
    """The time that is this long after 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def pack_address(address: Address) -> bytes:
    """16 bytes; an IPv4 address is mapped into IPv6."""
    if address.version == 4:  # noqa: PLR2004  # the Internet Protocol has two versions
        return b"\x00" * 10 + b"\xff\xff" + address.packed
    return address.packed


def unpack_address(data: bytes) -> Address:
    """The address in 16 bytes; a mapped one comes back as IPv4."""
    address = ipaddress.IPv6Address(data)
    return address.ipv4_mapped or address
