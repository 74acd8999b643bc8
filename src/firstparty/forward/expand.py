"""One entry of the log, opened: the messages in it, each with its position. Pure.

What cannot be read becomes a bad message with its reason and stands in line like the others: it
never blocks what came with it. The number of messages in an entry depends on its bytes alone, so
counting them again, after a crash or on another machine, gives the same ledger.

What is made once for each message is a Struct: a frozen dataclass takes ten times as long to make.
"""

import zlib
from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple

import msgspec

from firstparty.forward.letters import open_replay
from firstparty.model.json_text import decode_json
from firstparty.model.messages import (
    MAX_BATCH_BYTES,
    MAX_MESSAGE_BYTES,
    Encoding,
    MessageType,
    Path,
)
from firstparty.spool.entries import Entry


class Position(NamedTuple):
    """Where a message lies in the log; positions of one source grow in the order of arrival."""

    sequence: int
    entry: int
    message: int


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What messages of one entry share: the request, and what it said beside the batch.

    ``replayed_index`` is set where a dead letter was put in again: then ``entry`` is the one that
    its message first came in, and this its place there.
    """

    entry: Entry
    sent_at: datetime | None = None
    context: msgspec.Raw | None = None
    integrations: msgspec.Raw | None = None
    replayed_index: int | None = None

    @property
    def type(self) -> MessageType | None:
        """The type that the request's path named, where it named one."""
        return _TYPES.get(self.entry.path)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it came, not looked into yet. ``raw`` is JSON text of an object."""

    position: Position
    origin: Origin
    raw: bytes


class BadMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What can never be delivered, as it came, and why."""

    position: Position
    origin: Origin
    raw: bytes
    reason: str


Line = Message | BadMessage


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    batch: list[msgspec.Raw]
    sent_at: msgspec.Raw | msgspec.UnsetType = msgspec.field(name="sentAt", default=msgspec.UNSET)
    context: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    integrations: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Unreadable(Exception):
    """The body as a whole cannot be read."""


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_RAW: Final = msgspec.json.Decoder(msgspec.Raw)
_INSTANT: Final[msgspec.json.Decoder[datetime]] = msgspec.json.Decoder(
    Annotated[datetime, msgspec.Meta(tz=True)]
)
_TEXT: Final = msgspec.json.Decoder(str)
_TYPES: Final[dict[Path, MessageType]] = {
    path: MessageType[path.name] for path in Path if path is not Path.BATCH
}
_GZIP: Final = 31  # zlib's window bits for gzip framing


def expand(entry: Entry, *, sequence: int, index: int) -> list[Line]:
    """The messages of the entry that is number ``index`` in group ``sequence``, in order.

    A body that cannot be read is one bad message, an empty batch none at all.
    """
    if entry.encoding is Encoding.LETTER:
        return [_expand_letter(entry, Position(sequence, index, 0))]
    origin = Origin(entry=entry)
    try:
        body = _decode_body(entry)
        if entry.path is not Path.BATCH:
            return [_check(Position(sequence, index, 0), origin, _read_one(body))]
        envelope = decode_json(_ENVELOPE, body)
    except _Unreadable as error:
        reason = str(error)
    except msgspec.ValidationError:
        reason = "unreadable: not an object with an array `batch`"
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        reason = "unreadable: not JSON"
    else:
        origin = Origin(
            entry=entry,
            sent_at=None if envelope.sent_at is msgspec.UNSET else parse_instant(envelope.sent_at),
            context=read_object(envelope.context),
            integrations=read_object(envelope.integrations),
        )
        return [
            _check(Position(sequence, index, number), origin, bytes(raw))
            for number, raw in enumerate(envelope.batch)
        ]
    return [_bad(Position(sequence, index, 0), origin, entry.body, reason)]


def parse_instant(raw: msgspec.Raw) -> datetime | None:
    """ISO 8601 text as an instant in UTC, naive text taken as UTC; None for anything else."""
    try:
        return _INSTANT.decode(raw).astimezone(UTC)  # nearly all: RFC 3339 with an offset
    except (msgspec.DecodeError, OverflowError):
        pass
    try:
        instant = datetime.fromisoformat(_TEXT.decode(raw).strip())
        zone = instant.tzinfo
        if zone is UTC:
            return instant
        return instant.replace(tzinfo=UTC) if zone is None else instant.astimezone(UTC)
    except (msgspec.DecodeError, ValueError, OverflowError):
        return None


def read_object(raw: msgspec.Raw | msgspec.UnsetType) -> msgspec.Raw | None:
    """What a batch says for all of its messages, where that is an object."""
    if raw is msgspec.UNSET or not bytes(raw).lstrip().startswith(b"{"):
        return None
    return raw if _is_utf8(bytes(raw)) else None


def _decode_body(entry: Entry) -> bytes:
    if entry.encoding is Encoding.IDENTITY:
        return entry.body
    whole, rest = b"", entry.body
    while rest:  # a gzip body may have several members (RFC 1952 §2.2)
        member = zlib.decompressobj(_GZIP)
        try:
            whole += member.decompress(rest, MAX_BATCH_BYTES + 1 - len(whole))
        except zlib.error as error:
            raise _Unreadable(f"unreadable: not gzip: {error}") from error
        if len(whole) > MAX_BATCH_BYTES:
            raise _Unreadable(f"too large: over {MAX_BATCH_BYTES} bytes decoded")
        if not member.eof:
            raise _Unreadable("unreadable: gzip data is cut off")
        rest = member.unused_data
    return whole


def _expand_letter(entry: Entry, position: Position) -> Line:
    try:
        letter, first = open_replay(entry)
    except ValueError as error:
        return _bad(position, Origin(entry=entry), entry.body, f"unreadable: {error}")
    origin = Origin(
        entry=first,
        sent_at=letter.sent_at,
        context=None if letter.context is None else msgspec.Raw(letter.context),
        integrations=None if letter.integrations is None else msgspec.Raw(letter.integrations),
        replayed_index=letter.first_index,
    )
    return _check(position, origin, letter.message)


def _read_one(body: bytes) -> bytes:
    # Whether an object's text is JSON shows when it is rewritten. A half surrogate pair must go.
    if body.startswith(b"{") and b"\\u" not in body:
        return body
    return bytes(decode_json(_RAW, body))


def _check(position: Position, origin: Origin, raw: bytes) -> Line:
    raw = raw.strip()
    if not raw.startswith(b"{"):
        return _bad(position, origin, raw, "unreadable: a message is a JSON object")
    if len(raw) > MAX_MESSAGE_BYTES:
        reason = f"too large: {len(raw)} bytes, and a message has at most {MAX_MESSAGE_BYTES}"
        return _bad(position, origin, raw, reason)
    if not _is_utf8(raw):
        return _bad(position, origin, raw, "unreadable: not UTF-8")
    return Message(position=position, origin=origin, raw=raw)


def _is_utf8(raw: bytes) -> bool:
    # msgspec takes invalid UTF-8 in what it skips, and everything here has been skipped.
    try:
        return raw.isascii() or bool(str(raw, "utf-8"))
    except UnicodeDecodeError:
        return False


def _bad(position: Position, origin: Origin, raw: bytes, reason: str) -> BadMessage:
    return BadMessage(position=position, origin=origin, raw=raw, reason=reason)
