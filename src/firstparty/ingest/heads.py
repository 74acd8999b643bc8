"""What the head of a request for messages decides, remembered (no I/O).

The same few heads come again and again: a page sends each of its messages to the same host, path
and source. What is remembered is bounded, and forgotten as soon as a write key changes.
"""

from typing import Final

from firstparty.ingest.answers import build_success
from firstparty.ingest.exchange import Exchange
from firstparty.ingest.routes import Kind, find_route
from firstparty.ingest.write_keys import ApiHost, WriteKeys
from firstparty.model.messages import Path

_MAX_HEADS: Final = 4_096
_MAX_KEY_BYTES: Final = 1_024  # of one head: some MB in all


class Head:
    """A request that takes messages, for a host that we have."""

    __slots__ = ("answer", "cors", "host", "last_answer", "path", "source")

    def __init__(self, host: ApiHost, path: Path, *, origin: bytes, authorization: bytes) -> None:
        self.host: Final = host
        self.path: Final = path
        self.cors: Final = host.cors.lines(origin)
        # None: the write key is in the body, if anywhere.
        self.source: Final = host.source_of_header(authorization)
        self.answer: Final = build_success(cors=self.cors)
        self.last_answer: Final = build_success(cors=self.cors, is_last=True)


class Heads:
    """The heads seen lately."""

    def __init__(self, write_keys: WriteKeys) -> None:
        self._write_keys = write_keys
        self._changes = write_keys.changes
        self._known: dict[tuple[bytes, ...], Head] = {}

    def find(self, exchange: Exchange) -> Head | None:
        """What this request decides; None where it takes no messages, or not here."""
        get = exchange.headers.get
        key = (
            exchange.method,
            exchange.target,
            get(b"host", b""),
            get(b"origin", b""),
            get(b"authorization", b""),
        )
        if self._changes != self._write_keys.changes:
            self._changes = self._write_keys.changes
            self._known.clear()
        return self._known.get(key) or self._decide(key)

    def _decide(self, key: tuple[bytes, bytes, bytes, bytes, bytes]) -> Head | None:
        method, target, name, origin, authorization = key
        route, _ = find_route(target)
        if route is None or route.kind is not Kind.MESSAGES or method != route.method:
            return None
        host = self._write_keys.find(name)
        if host is None:
            return None
        assert route.path is not None
        head = Head(host, route.path, origin=origin, authorization=authorization)
        if sum(map(len, key)) <= _MAX_KEY_BYTES:
            if len(self._known) >= _MAX_HEADS:
                self._known.clear()
            self._known[key] = head
        return head
