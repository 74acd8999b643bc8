"""A message in the form in which it goes upstream: pure, and the same for every retry.

The upstream computes ``timestamp = receivedAt - (sentAt - originalTimestamp)``, and for it
``receivedAt`` is when we deliver, perhaps hours late. So the correction is made here, with the
time at which *we* received the message, and the batch's ``sentAt`` is the time of sending: the
upstream then finds nothing left to correct. Values are copied as bytes wherever nothing changes.
"""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

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
# Of these the User-Agent header is the visitor's own; that of an app names the app's library.
_BROWSER_TYPES: Final = frozenset({"javascript", "pixel"})
_MAX_AGENT_LENGTH: Final = 1_024


class Sender(NamedTuple):
    """What a request told of its sender, as members of a JSON object; None: nothing to tell."""

    ip: bytes | None
    user_agent: bytes | None


class _Visited(msgspec.Struct, gc=False):
    """What a context says of a visitor."""

    ip: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    user_agent: msgspec.Raw | msgspec.UnsetType = msgspec.field(
        name="userAgent", default=msgspec.UNSET
    )


class _Context(_Visited):
    """Also whether the address of the server that sent it is meant."""

    direct: Any = False


_VISITED: Final = msgspec.json.Decoder(_Visited)
_CONTEXT: Final = msgspec.json.Decoder(_Context)
_Fields = dict[str, msgspec.Raw]
_FIELDS: Final = msgspec.json.Decoder(_Fields)
_TYPES: Final = {kind: msgspec.Raw(msgspec.json.encode(kind)) for kind in MessageType}
_EMPTY: Final = frozenset({b"null", b'""'})
NOBODY: Final = Sender(None, None)


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
        if message.origin.integrations is not None:
            own = fields.get("integrations")
            fields["integrations"] = _merge(own, message.origin.integrations)
        context = complete_context(
            fields.get("context"),
            shared=message.origin.context,
            sender=read_sender(
                message.origin.entry.client_address, message.origin.entry.user_agent, source_type
            ),
            is_visitor=source_type in VISITOR_TYPES,
        )
        if context is not None:
            fields["context"] = context
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


def complete_context(
    own: msgspec.Raw | None, *, shared: msgspec.Raw | None, sender: Sender, is_visitor: bool
) -> msgspec.Raw | None:
    """A context as it goes upstream: with what its batch says for all, and whose it is.

    What is known of the sender is set where the context does not say it. Raises
    msgspec.DecodeError where the text is no context.
    """
    context = own if shared is None else _merge(own, shared)
    if sender == NOBODY:
        return context
    text = b"null" if context is None else bytes(context)
    if not is_visitor and b'"direct"' not in text:
        return context
    ip, user_agent = sender
    if text[:1] == b"{":
        head = _VISITED.decode(text) if is_visitor else _CONTEXT.decode(text)
        if head.ip is not msgspec.UNSET or (isinstance(head, _Context) and head.direct is not True):
            ip = None
        if head.user_agent is not msgspec.UNSET:
            user_agent = None
    elif not is_visitor or text not in _EMPTY:
        return context
    members = b",".join(filter(None, (ip, user_agent)))
    if not members:
        return context
    # Set into the text, for all else in there stays as it came; whatever has a key has a quote.
    rest = text[1:] if text[:1] == b"{" else b"}"
    return msgspec.Raw(b"".join((b"{", members, b"," if b'"' in rest else b"", rest)))


def read_sender(address: Address, user_agent: str, source_type: str) -> Sender:
    """What a request from this address told, where the source's privacy rules let it be kept."""
    ip = b'"ip":"%b"' % str(address).encode() if int(address) else None
    is_told = source_type in _BROWSER_TYPES and 0 < len(user_agent) <= _MAX_AGENT_LENGTH
    agent = b'"userAgent":%b' % msgspec.json.encode(user_agent) if is_told else None
    return Sender(ip, agent)


def _merge(own: msgspec.Raw | None, shared: msgspec.Raw) -> msgspec.Raw:
    """The message's own object and the batch's; key by key, what the message says wins."""
    if own is None or is_empty(own):
        return shared
    if not _is_object(own):
        return own
    return msgspec.Raw(msgspec.json.encode(_FIELDS.decode(shared) | _FIELDS.decode(own)))


def _is_object(raw: msgspec.Raw) -> bool:
    return bytes(raw)[:1] == b"{"


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))
