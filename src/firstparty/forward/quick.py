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
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import repeat
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from firstparty.forward.expand import read_object
from firstparty.forward.rewrite import VISITOR_TYPES, Sender, complete_context, read_sender
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
_IDENTITY, _GZIP, _BATCH = int(Encoding.IDENTITY), int(Encoding.GZIP), int(Path.BATCH)
_TYPES: Final = {
    int(path): Raw(msgspec.json.encode(MessageType[path.name]))
    for path in Path
    if path is not Path.BATCH
}


class _Message(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The fields that messages have; what is not looked at stays the text it is."""

    # N815: the fields' names on the wire; a rename costs time.
    messageId: Annotated[str, msgspec.Meta(min_length=1)]  # noqa: N815
    type: _Part = UNSET
    event: _Part = UNSET
    timestamp: _Time = UNSET
    sentAt: _Time = UNSET  # noqa: N815
    writeKey: _Part = UNSET  # noqa: N815
    anonymousId: _Part = UNSET  # noqa: N815
    userId: _Part = UNSET  # noqa: N815
    context: _Part = UNSET
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


class _Batch(msgspec.Struct, gc=False):
    batch: list[_Message]
    sentAt: _Time = UNSET  # noqa: N815
    context: _Part = UNSET
    integrations: UnsetType | None = UNSET


_SINGLES: Final = msgspec.json.Decoder(list[_Message | int])
_BATCHED: Final = msgspec.json.Decoder(_Batch)
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
        found = _SINGLES.decode(joined)
        if found[1::2] != [_SEPARATOR] * (len(frames) - 1):
            return None
        messages = [message for message in found[::2] if not isinstance(message, int)]
        if len(messages) != len(frames):
            return None
        for frame, message in zip(frames, messages, strict=True):
            message.type = _TYPES[frame.path]
        _correct_times(messages, [_read_clock(frame.received_at_ms) for frame in frames], UNSET)
        senders = [_read_sender(frame.address, frame.user_agent, source_type) for frame in frames]
        _complete_contexts(messages, senders, shared=None, is_visitor=is_visitor)
        return _ENCODER.encode(messages)[1:-1]
    except (_Unusual, msgspec.DecodeError, RecursionError, UnicodeError, OverflowError):
        return None


def rewrite_batch(frame: Frame, *, source_type: str) -> tuple[bytes, int] | None:
    """An entry with a batch: as ``rewrite_singles``, and the number of messages."""
    is_visitor = source_type in VISITOR_TYPES
    try:
        text = frame.body if frame.encoding == _IDENTITY else _inflate(frame)
        _check_utf8(text)
        batch = _BATCHED.decode(text)
        messages = batch.batch
        _correct_times(messages, repeat(frame.received_at), batch.sentAt)
        _complete_contexts(
            messages,
            repeat(_read_sender(frame.address, frame.user_agent, source_type)),
            shared=read_object(batch.context),
            is_visitor=is_visitor,
        )
        return _write(messages, read_bytes=len(text)), len(messages)
    except (_Unusual, msgspec.DecodeError, RecursionError, UnicodeError, OverflowError):
        return None


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


def _correct_times(
    messages: Sequence[_Message], moments: Iterable[datetime], shared_sent_at: _Time
) -> None:
    """Correct the times, and take out what the upstream's batch says once for all."""
    known: _Time = UNSET  # the ``sentAt`` that ``shift`` is of; each belongs to one moment
    shift = timedelta(0)
    for message, received_at in zip(messages, moments, strict=False):
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
        if sent_at is not known:
            known, shift = sent_at, received_at - _to_utc(sent_at)
        if stamped.tzinfo is not UTC:
            stamped = _to_utc(stamped)
        message.timestamp = stamped + shift


def _to_utc(instant: datetime) -> datetime:
    if instant.tzinfo is UTC:
        return instant
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _complete_contexts(
    messages: Sequence[_Message],
    senders: Iterable[Sender],
    *,
    shared: Raw | None,
    is_visitor: bool,
) -> None:
    """As ``complete_context`` does; once for messages beside one another that say the same."""
    known: object = None
    known_sender: Sender | None = None
    completed: _Part = UNSET
    for message, sender in zip(messages, senders, strict=False):
        own = message.context
        if own != known or sender is not known_sender:
            known, known_sender = own, sender
            context = complete_context(
                None if own is UNSET else own, shared=shared, sender=sender, is_visitor=is_visitor
            )
            completed = UNSET if context is None else context
        message.context = completed


def _write(messages: Sequence[_Message], *, read_bytes: int) -> bytes:
    """The messages as text, a few at a time, so that none that is too large hides among them."""
    if read_bytes <= MAX_MESSAGE_BYTES:
        return _ENCODER.encode(messages)[1:-1]
    step = max(1, len(messages) * MAX_MESSAGE_BYTES // (2 * read_bytes))
    pieces = []
    for start in range(0, len(messages), step):
        some = messages[start : start + step]
        piece = _ENCODER.encode(some)[1:-1]
        if len(piece) > MAX_MESSAGE_BYTES and _has_too_large(some):
            raise _Unusual
        pieces.append(piece)
    return b",".join(pieces)


def _has_too_large(messages: Sequence[_Message]) -> bool:
    return max(len(_ENCODER.encode(message)) for message in messages) > MAX_MESSAGE_BYTES


@lru_cache(maxsize=256)  # the entries of a group came within a few milliseconds
def _read_clock(ms: int) -> datetime:
    return open_instant(ms)


@lru_cache(maxsize=4_096)
def _read_sender(packed: bytes, user_agent: bytes, source_type: str) -> Sender:
    return read_sender(unpack_address(packed), user_agent.decode("latin-1"), source_type)
