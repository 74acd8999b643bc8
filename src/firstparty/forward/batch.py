"""Messages put together into what goes upstream in one request. Pure.

The limits are the upstream's: 500 KB and 2,500 messages a batch.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from firstparty.forward.expand import BadMessage, Message, Position
from firstparty.forward.rewrite import format_instant, rewrite
from firstparty.model.messages import MAX_BATCH_MESSAGES
from firstparty.spool.entries import Frame

MAX_BODY_BYTES: Final = 500_000  # 500 KB as the strictest reading of it
_ENVELOPE_BYTES: Final = 1_024  # brackets, sentAt and the write key
_MAX_PIECES: Final = 32  # beyond that, copying costs less than handing on each by itself
MAX_PACK_BYTES: Final = MAX_BODY_BYTES - _ENVELOPE_BYTES - 1


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """One message ready to go: ``text`` is the JSON that the upstream gets."""

    message: Message
    text: bytes

    @property
    def position(self) -> Position:
        """Where the message lies in the log."""
        return self.message.position


class Pack(msgspec.Struct, frozen=True, gc=False):
    """``count`` messages ready to go, as one text with commas between them.

    ``position`` is that of the last one. ``frames`` are the entries that they came in, with their
    places in the group, and ``source_type`` what they were rewritten for: enough to make items of
    one message each, should the upstream refuse the whole.
    """

    text: bytes
    count: int
    position: Position
    frames: Sequence[tuple[int, Frame]]
    source_type: str


Item = Prepared | Pack | BadMessage


def count_messages(items: Iterable[Item]) -> int:
    """How many messages these are, bad ones included."""
    return sum(item.count if isinstance(item, Pack) else 1 for item in items)


def measure(item: Item) -> int:
    """How many bytes the item takes of a request; a bad one takes none."""
    return 0 if isinstance(item, BadMessage) else len(item.text) + 1


def count_fitting(items: Iterable[Item]) -> int:
    """How many of these, from the first on, go into one request; at least one."""
    fitting, messages, room = 0, 0, MAX_BODY_BYTES - _ENVELOPE_BYTES
    for item in items:
        room -= measure(item)
        messages += item.count if isinstance(item, Pack) else 1
        if fitting and (room < 0 or messages > MAX_BATCH_MESSAGES):
            break
        fitting += 1
    return fitting


def prepare(message: Message | BadMessage, *, source_type: str) -> Prepared | BadMessage:
    """The message in the form it goes upstream; bad where that cannot be made."""
    if isinstance(message, BadMessage):
        return message
    try:
        return Prepared(message, rewrite(message, source_type=source_type))
    except ValueError as error:
        return condemn(message, reason=str(error))


def condemn(message: Message, *, reason: str) -> BadMessage:
    """The message as one that will never be delivered."""
    return BadMessage(
        position=message.position, origin=message.origin, raw=message.raw, reason=reason
    )


def build_batch(texts: Sequence[bytes], *, sent_at: datetime, write_key: str | None) -> bytes:
    """The body of one request; ``sent_at`` is the time of sending, so each try has its own."""
    return b"".join(build_pieces(texts, sent_at=sent_at, write_key=write_key))


def build_pieces(
    texts: Sequence[bytes], *, sent_at: datetime, write_key: str | None
) -> Sequence[bytes]:
    """The same in pieces, to be sent one behind the other; of few large texts none is copied."""
    if len(texts) > _MAX_PIECES:
        texts = [b",".join(texts)]
    pieces = [b'{"batch":[']
    for number, text in enumerate(texts):
        if number:
            pieces.append(b",")
        pieces.append(text)
    key = b"" if write_key is None else b',"writeKey":' + msgspec.json.encode(write_key)
    pieces.append(b'],"sentAt":"%b"%b}' % (format_instant(sent_at).encode(), key))
    return pieces
