"""Dead letters: what is kept of a message that will not be delivered, and how it is put in again.

Pure. A letter is put into the log again as an entry whose body is the letter itself. So whatever
was true of the message when it came first (its id, when and from where it came, what its batch
said for all) is true of it still, and it goes upstream with the ``messageId`` it always had.
"""

from datetime import datetime
from typing import Final

import msgspec

from firstparty.forward.delivery import REFUSED_UPSTREAM
from firstparty.model.messages import Encoding
from firstparty.spool.entries import BadGroup, Entry, build_group, decode_group


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that will not be delivered, with all that is needed to send it again.

    ``request`` is the entry that it came in, framed, without its body; ``message`` is the JSON as
    it came (or the whole body, where that could not be read). ``index`` is its place in the batch
    that it first came in, which ``position`` no longer says once it was put in again.
    """

    source: int
    position: tuple[int, int, int]
    reason: str
    died_at: datetime
    request: bytes
    message: bytes
    sent_at: datetime | None = None
    context: bytes | None = None
    integrations: bytes | None = None
    index: int | None = None

    @property
    def first_index(self) -> int:
        """Its place in the batch that it first came in."""
        return self.position[2] if self.index is None else self.index

    @property
    def text(self) -> str | None:
        """The message as text, where it is."""
        try:
            return self.message.decode()
        except UnicodeDecodeError:
            return None

    @property
    def can_be_replayed(self) -> bool:
        """Whether the upstream judged it, who may judge otherwise; what is unreadable stays so."""
        return self.reason.startswith(REFUSED_UPSTREAM)


_LETTER: Final = msgspec.msgpack.Decoder(DeadLetter)


def decode_letter(data: bytes) -> DeadLetter:
    """The letter in these bytes. Raises msgspec.DecodeError."""
    return _LETTER.decode(data)


def open_request(letter: DeadLetter) -> Entry:
    """The entry that the message first came in, without its body. Raises BadGroup."""
    (entry,) = decode_group(build_group([letter.request]))
    return entry


def build_replay(letter: DeadLetter) -> Entry:
    """The entry that puts the letter in again. Raises BadGroup."""
    first = open_request(letter)
    return Entry(
        id=first.id,
        received_at=first.received_at,
        source=letter.source,
        path=first.path,
        encoding=Encoding.LETTER,
        client_address=first.client_address,
        user_agent="",
        body=msgspec.msgpack.encode(letter),
    )


def open_replay(entry: Entry) -> tuple[DeadLetter, Entry]:
    """The letter in an entry that ``build_replay`` made, and its first entry; raises ValueError."""
    try:
        letter = decode_letter(entry.body)
        return letter, open_request(letter)
    except (msgspec.DecodeError, BadGroup) as error:
        raise ValueError(f"not a dead letter: {error}") from error
