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

MAX_BODY_BYTES: Final = 500_000  # 500 KB as the strictest reading of it
_ENVELOPE_BYTES: Final = 1_024  # brackets, sentAt and the write key
_GROWTH_BYTES: Final = 192  # what rewriting may add: timestamp, messageId, type, context.ip


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A message ready to go: ``body`` is the JSON that the upstream gets."""

    message: Message
    body: bytes

    @property
    def position(self) -> Position:
        """Where the message lies in the log."""
        return self.message.position


Item = Prepared | BadMessage


def estimate_bytes(message: Message | BadMessage) -> int:
    """The most that the message takes of a batch; a bad one takes nothing."""
    if isinstance(message, BadMessage):
        return 0
    shared = (message.origin.context or b"", message.origin.integrations or b"")
    return len(message.raw) + _GROWTH_BYTES + sum(len(bytes(part)) for part in shared)


def count_fitting(messages: Iterable[Message | BadMessage]) -> int:
    """How many of these, from the first on, go into one batch; at least one."""
    count, room = 0, MAX_BODY_BYTES - _ENVELOPE_BYTES
    for message in messages:
        room -= estimate_bytes(message)
        if count and (room < 0 or count == MAX_BATCH_MESSAGES):
            break
        count += 1
    return count


def prepare(message: Message | BadMessage, *, source_type: str) -> Item:
    """The message in the form it goes upstream; bad where that cannot be made."""
    if isinstance(message, BadMessage):
        return message
    try:
        return Prepared(message=message, body=rewrite(message, source_type=source_type))
    except ValueError as error:
        return condemn(message, reason=str(error))


def condemn(message: Message, *, reason: str) -> BadMessage:
    """The message as one that will never be delivered."""
    return BadMessage(
        position=message.position, origin=message.origin, raw=message.raw, reason=reason
    )


def build_batch(bodies: Sequence[bytes], *, sent_at: datetime, write_key: str) -> bytes:
    """The body of one request; ``sent_at`` is the time of sending, so each try has its own."""
    return b"".join(
        (
            b'{"batch":[',
            b",".join(bodies),
            b'],"sentAt":"',
            format_instant(sent_at).encode(),
            b'","writeKey":',
            msgspec.json.encode(write_key),
            b"}",
        )
    )
