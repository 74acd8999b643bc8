"""A message in the form in which it goes upstream: pure, and the same for every retry.

The upstream computes ``timestamp = receivedAt - (sentAt - originalTimestamp)``, and for it
``receivedAt`` is when we deliver, perhaps hours late. So the correction is made here, with the
time at which *we* received the message, and the batch's ``sentAt`` is the time of sending: the
upstream then finds nothing left to correct. Values are copied as bytes wherever nothing changes.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from firstparty.forward.expand import Message, Origin, parse_instant
from firstparty.model.messages import MessageType
from firstparty.spool.entries import Address

# Clients run by visitors: their address is the visitor's. A server's own address says nothing.
VISITOR_TYPES: Final = frozenset(
    {
        "javascript",
        "pixel",
        "mobile",
        "ios",
        "android",
        "swift",
        "kotlin",
        "react-native",
        "flutter",
        "xamarin",
    }
)


class _Context(msgspec.Struct):
    """What of a context decides whether it gets an address."""

    ip: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    direct: Any = False


_CONTEXT: Final = msgspec.json.Decoder(_Context)
_Fields = dict[str, msgspec.Raw]
_FIELDS: Final = msgspec.json.Decoder(_Fields)
_TYPES: Final = {kind: msgspec.Raw(msgspec.json.encode(kind)) for kind in MessageType}
_EMPTY: Final = frozenset({b"null", b'""'})


def rewrite(message: Message, *, source_type: str) -> bytes:
    """The message as JSON. Raises ValueError when it cannot be read after all."""
    try:
        fields = _FIELDS.decode(message.raw)
        _set_time(fields, message.origin)
        # The batch says both of these once, for all.
        fields.pop("sentAt", None)
        fields.pop("writeKey", None)
        if is_empty(fields.get("messageId")):
            fields["messageId"] = _raw(derive_message_id(message))
        if (kind := message.origin.type) is not None:
            fields["type"] = _TYPES[kind]
        _merge(fields, "integrations", message.origin.integrations)
        _merge(fields, "context", message.origin.context)
        _fill_ip(fields, message.origin, source_type)
        return msgspec.json.encode(fields)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ValueError(f"unreadable: {error}") from error


def derive_message_id(message: Message) -> str:
    """The id of a message that came without: from its entry's own id, so a retry has the same."""
    origin = message.origin
    index = message.position.message if origin.replayed_index is None else origin.replayed_index
    return f"fp-{origin.entry.id.hex()}-{index}"


def format_instant(instant: datetime) -> str:
    """ISO 8601 in UTC, in milliseconds, or microseconds where there are any."""
    return _encode_instant(instant)[1:-1].decode()


def _encode_instant(instant: datetime) -> bytes:
    # msgspec writes microseconds, or nothing where there are none: a twentieth of isoformat's time.
    text = msgspec.json.encode(instant)
    if not instant.microsecond:
        return text[:-2] + b'.000Z"'
    return text if instant.microsecond % 1000 else text[:-5] + b'Z"'


def is_empty(raw: msgspec.Raw | None) -> bool:
    """Whether a field is absent, null or an empty string."""
    return raw is None or bytes(raw) in _EMPTY


def _set_time(fields: _Fields, origin: Origin) -> None:
    received_at = origin.entry.received_at
    stamped = fields.get("timestamp")
    if stamped is None or is_empty(stamped):
        fields["timestamp"] = msgspec.Raw(_encode_instant(received_at))
        return
    own = fields.get("sentAt")
    sent_at = (parse_instant(own) if own is not None else None) or origin.sent_at
    moment = parse_instant(stamped)
    if sent_at is None or moment is None:
        return  # nothing known of the client's clock; or no time at all: the upstream judges
    try:
        moved = moment + (received_at - sent_at)
    except OverflowError:
        return
    if moved - moment != timedelta(0):
        fields["timestamp"] = msgspec.Raw(_encode_instant(moved))


def _merge(fields: _Fields, name: str, shared: msgspec.Raw | None) -> None:
    """Give the message the batch's own ``name``; key by key, what the message says wins."""
    if shared is None:
        return
    own = fields.get(name)
    if own is None or is_empty(own):
        fields[name] = shared
    elif _is_object(own):
        merged = _FIELDS.decode(shared) | _FIELDS.decode(own)
        fields[name] = msgspec.Raw(msgspec.json.encode(merged))


def _fill_ip(fields: _Fields, origin: Origin, source_type: str) -> None:
    """Set ``context.ip`` to the client's address where that is a visitor's and none is given."""
    address = origin.entry.client_address
    if not int(address):
        return  # not kept, by the source's privacy rules
    own = fields.get("context")
    is_visitor = source_type in VISITOR_TYPES
    if own is None or is_empty(own):
        if is_visitor:
            fields["context"] = msgspec.Raw(b'{"ip":"%b"}' % _write_address(address))
        return
    if not _is_object(own) or not (is_visitor or b'"direct"' in bytes(own)):
        return
    head = _CONTEXT.decode(own)
    if head.ip is msgspec.UNSET and (is_visitor or head.direct is True):
        # Set into the text, for all else in there stays as it came.
        text = bytes(own)
        comma = b"," if b'"' in text else b""  # whatever has a key has a quote
        start = b'{"ip":"%b"%b' % (_write_address(address), comma)
        fields["context"] = msgspec.Raw(start + memoryview(text)[1:])


@lru_cache(maxsize=4_096)
def _write_address(address: Address) -> bytes:
    return str(address).encode()


def _is_object(raw: msgspec.Raw) -> bool:
    return bytes(raw)[:1] == b"{"


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))
