"""One request with the place of its answer, and what all connections of a process share."""

from collections.abc import Callable
from typing import Final, Protocol

from firstparty.ingest.answers import Refusal

_BUFFER_BYTES: Final = 256 * 1024  # as much as is read at once


class Exchange:
    """One request and the place of its answer. Header names are in lower case; the first one wins.

    The headers MUST NOT be looked at once the handler has returned: they are the connection's.
    ``is_last`` says that the connection ends behind the answer, which must then say so.
    """

    # Slots: the quickest to set and to read (Python 3.11).
    __slots__ = ("_flush", "answer", "body", "headers", "held_bytes", "is_last", "method",
                 "refusal", "target")  # fmt: skip

    def __init__(
        self,
        flush: Callable[[], None],
        method: bytes,
        target: bytes,
        headers: dict[bytes, bytes],
    ) -> None:
        """``flush`` is called when the answer is there."""
        self._flush = flush
        self.method = method
        self.target = target
        self.headers = headers
        self.body = b""
        self.is_last = False
        self.refusal: Refusal | None = None
        self.answer: bytes | None = None
        self.held_bytes = 0

    def reply(self, answer: bytes) -> None:
        """Send the answer, behind those of earlier requests. Once; the client may be gone."""
        self.answer = answer
        self._flush()


class Handler(Protocol):
    """What exchanges mean. Both MUST reply, at once or later, and MUST NOT raise."""

    def handle(self, exchange: Exchange) -> None:
        """A request has arrived whole."""

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        """A request cannot be taken, whatever it means; its headers may be missing."""


class Timed(Protocol):
    """A connection, as its listener sees it."""

    def check_time(self) -> None:
        """End what is late; called each second."""

    def close_if_idle(self) -> None:
        """Close, if nothing is under way."""

    def abort(self) -> None:
        """Close at once."""


class Connections:
    """All connections of a process: what they hold together, their clock, their end."""

    def __init__(self, handler: Handler) -> None:
        self.handler: Final = handler
        self.open: Final[set[Timed]] = set()
        self.held_bytes = 0
        self.now = 0  # seconds since the start, counted by tick
        self.is_ending = False
        # One for all: what has come into it is parsed before anything else is read.
        self.buffer: Final = memoryview(bytearray(_BUFFER_BYTES))

    def tick(self) -> None:
        """A second has passed: end what is late."""
        self.now += 1
        for connection in tuple(self.open):
            connection.check_time()

    def end(self) -> None:
        """From now on each connection ends behind its next answer."""
        self.is_ending = True

    def close_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        for connection in tuple(self.open):
            connection.close_if_idle()

    def abort(self) -> None:
        """Close whatever is open."""
        for connection in tuple(self.open):
            connection.abort()
