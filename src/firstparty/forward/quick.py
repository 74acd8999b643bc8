"""Many messages rewritten at once, where nothing about them is unusual. Pure.

What ``rewrite.py`` does to one message after another, with a copy of its text and a dictionary for
each, this does to all messages of some entries: one pass that reads, one that writes, and in
between a few assignments a message. Whatever is out of the ordinary (a field that messages do not
have, a time that is none, a missing id, text that is not UTF-8) makes the answer None, and then the
slow way is taken, which alone says what is wrong with which message. Both ways mean the same; a
test compares them.
"""

import secrets
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import repeat
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from firstparty.forward.rewrite import VISITOR_TYPES
from firstparty.model.messages import (
    MAX_BATCH_BYTES,
    MAX_MESSAGE_BYTES,
    Encoding,
    MessageType,
    Path,
)
from firstparty.spool.entries import Frame, open_instant, unpack_address

_Time = datetime | UnsetType
_Part = Raw | UnsetType
# One that nobody can guess, so that text which is no JSON by itself cannot reach into the next.
_SEPARATOR: Final = secrets.randbits(62)
_COMMA: Final = b",%d," % _SEPARATOR
_GZIP_WINDOW: Final = 31
_NO_ADDRESS: Final = unpack_address(bytes(16)), unpack_address(b"\0" * 10 + b"\xff\xff\0\0\0\0")
_IDENTITY, _GZIP, _BATCH = int(Encoding.IDENTITY), int(Encoding.GZIP), int(Path.BATCH)
_TYPES: Final = {
    int(path): Raw(msgspec.json.encode(MessageType[path.name]))
    for path in Path
    if path is not Path.BATCH
}


class _Message(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The fields that messages have; what is not looked at stays the text it is."""

    type: _Part = UNSET
    event: _Part = UNSET
    timestamp: _Time = UNSET
    sentAt: _Time = UNSET  # noqa: N815 - the field's name on the wire; a rename costs time
    messageId: Annotated[str, msgspec.Meta(min_length=1)] | UnsetType = UNSET  # noqa: N815
    writeKey: _Part = UNSET  # noqa: N815
    anonymousId: _Part = UNSET  # noqa: N815
    userId: _Part = UNSET  # noqa: N815
    properties: _Part = UNSET
    traits: _Part = UNSET
    integrations: _Part = UNSET
    name: _Part = UNSET
    category: _Part = UNSET
    groupId: _Part = UNSET  # noqa: N815
    previousId: _Part = UNSET  # noqa: N815
    channel: _Part = UNSET
    version: _Part = UNSET
    originalTimestamp: _Part = UNSET  # noqa: N815
    receivedAt: _Part = UNSET  # noqa: N815
    projectId: _Part = UNSET  # noqa: N815
    library: _Part = UNSET
    options: _Part = UNSET
    _metadata: _Part = UNSET


class _Plain(_Message, gc=False, forbid_unknown_fields=True):
    """A message whose context stays as it is."""

    context: _Part = UNSET


class _Visited(_Message, gc=False, forbid_unknown_fields=True):
    """A message whose context may get an address, or what the batch says for all."""

    context: dict[str, Raw] | UnsetType | None = UNSET


class _PlainBatch(msgspec.Struct, gc=False):
    batch: list[_Plain]
    sentAt: _Time = UNSET  # noqa: N815
    context: UnsetType | None = UNSET
    integrations: UnsetType | None = UNSET


class _VisitedBatch(msgspec.Struct, gc=False):
    batch: list[_Visited]
    sentAt: _Time = UNSET  # noqa: N815
    context: dict[str, Raw] | UnsetType | None = UNSET
    integrations: UnsetType | None = UNSET


_PLAIN: Final = msgspec.json.Decoder(list[_Plain | int])
_VISITED: Final = msgspec.json.Decoder(list[_Visited | int])
_PLAIN_BATCH: Final = msgspec.json.Decoder(_PlainBatch)
_VISITED_BATCH: Final = msgspec.json.Decoder(_VisitedBatch)
_ENCODER: Final = msgspec.json.Encoder()


class _Unusual(Exception):
    """The slow way has to be taken."""


def rewrite_singles(frames: Sequence[Frame], *, source_type: str) -> bytes | None:
    """These entries of one message each as JSON, with commas between; None: take the slow way."""
    is_visitor = source_type in VISITOR_TYPES
    try:
        texts = [
            frame.data[frame.body_start : frame.end]
            if frame.encoding == _IDENTITY
            else _inflate(frame)
            for frame in frames
        ]
        if max(map(len, texts)) > MAX_MESSAGE_BYTES:
            return None
        joined = b"[%b]" % _COMMA.join(texts)
        _check_utf8(joined)
        found = (_VISITED if is_visitor else _PLAIN).decode(joined)
        if found[1::2] != [_SEPARATOR] * (len(frames) - 1):
            return None
        messages = [message for message in found[::2] if not isinstance(message, int)]
        if len(messages) != len(frames):
            return None
        for frame, message in zip(frames, messages, strict=True):
            message.type = _TYPES[frame.path]
        _finish(messages, [_read_clock(frame.received_at_ms) for frame in frames], UNSET)
        if is_visitor:
            _set_addresses(messages, [_write_address(frame.address) for frame in frames])
        else:
            _check_direct(messages)
        return _ENCODER.encode(messages)[1:-1]
    except (_Unusual, msgspec.DecodeError, RecursionError, UnicodeError, OverflowError):
        return None


def rewrite_batch(frame: Frame, *, source_type: str) -> tuple[bytes, int] | None:
    """An entry with a batch: as ``rewrite_singles``, and the number of messages."""
    is_visitor = source_type in VISITOR_TYPES
    try:
        text = frame.body if frame.encoding == _IDENTITY else _inflate(frame)
        _check_utf8(text)
        batch = _decode_batch(text, is_visitor=is_visitor)
        messages = batch.batch
        _finish(messages, repeat(frame.received_at), batch.sentAt)
        if isinstance(batch.context, dict):
            _share(messages, batch.context)
        if is_visitor:
            _set_addresses(messages, repeat(_write_address(frame.address)))
        else:
            _check_direct(messages)
        if len(text) <= MAX_MESSAGE_BYTES:
            return _ENCODER.encode(messages)[1:-1], len(messages)
        pieces = list(map(_ENCODER.encode, messages))
        if max(map(len, pieces), default=0) > MAX_MESSAGE_BYTES:
            return None
        return b",".join(pieces), len(messages)
    except (_Unusual, msgspec.DecodeError, RecursionError, UnicodeError, OverflowError):
        return None


def _decode_batch(text: bytes, *, is_visitor: bool) -> _PlainBatch | _VisitedBatch:
    if is_visitor:
        return _VISITED_BATCH.decode(text)
    try:
        return _PLAIN_BATCH.decode(text)
    except msgspec.ValidationError:  # it may say a context for all, as the Go library does
        return _VISITED_BATCH.decode(text)


def _check_utf8(text: bytes) -> None:
    # msgspec takes invalid UTF-8 in what it skips.
    if not text.isascii():
        text.decode()


def _inflate(frame: Frame) -> bytes:
    if frame.encoding != _GZIP:
        raise _Unusual
    member = zlib.decompressobj(_GZIP_WINDOW)
    try:
        text = member.decompress(frame.body, MAX_BATCH_BYTES + 1)
    except zlib.error as error:
        raise _Unusual from error
    if not member.eof or member.unused_data or len(text) > MAX_BATCH_BYTES:
        raise _Unusual
    return text


def _finish(
    messages: Sequence[_Message], moments: Iterable[datetime], shared_sent_at: _Time
) -> None:
    """Correct the times, and take out what the upstream's batch says once for all."""
    for message, received_at in zip(messages, moments, strict=False):
        if message.messageId is UNSET:
            raise _Unusual
        sent_at = message.sentAt
        if sent_at is UNSET:
            sent_at = shared_sent_at
        else:
            message.sentAt = UNSET
        message.writeKey = UNSET
        stamped = message.timestamp
        if stamped is UNSET:
            message.timestamp = received_at
            continue
        if sent_at is UNSET:
            raise _Unusual  # the time stays as it is, to the letter
        if stamped.tzinfo is not UTC:
            stamped = _to_utc(stamped)
        if sent_at.tzinfo is not UTC:
            sent_at = _to_utc(sent_at)
        message.timestamp = stamped + (received_at - sent_at)


def _to_utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _set_addresses(messages: Sequence[_Message], addresses: Iterable[Raw | None]) -> None:
    for message, address in zip(messages, addresses, strict=False):
        assert isinstance(message, _Visited)
        context = message.context
        if address is None:
            continue
        if not context:
            message.context = {"ip": address}
        elif "ip" not in context:
            context["ip"] = address


def _share(messages: Sequence[_Message], shared: dict[str, Raw]) -> None:
    for message in messages:
        assert isinstance(message, _Visited)
        own = message.context
        message.context = {**shared, **own} if own else dict(shared)


def _check_direct(messages: Sequence[_Message]) -> None:
    """A server that wants its own address taken for the visitor's is unusual."""
    for message in messages:
        if isinstance(message, _Plain):
            context = message.context
            if context is not UNSET and b'"direct"' in bytes(context):
                raise _Unusual
        elif isinstance(message, _Visited) and message.context and "direct" in message.context:
            raise _Unusual


@lru_cache(maxsize=256)  # the entries of a group came within a few milliseconds
def _read_clock(ms: int) -> datetime:
    return open_instant(ms)


@lru_cache(maxsize=4_096)
def _write_address(packed: bytes) -> Raw | None:
    address = unpack_address(packed)
    return None if address in _NO_ADDRESS else Raw(b'"%b"' % str(address).encode())
