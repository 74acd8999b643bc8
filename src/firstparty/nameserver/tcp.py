"""Queries over TCP: a length before each message, several in one go (RFC 7766)."""

import asyncio
import contextlib
import socket
from typing import Final, cast

from firstparty.nameserver.query import HEADER_LENGTH
from firstparty.nameserver.responder import Responder
from firstparty.nameserver.udp import pack_address

IDLE_SECONDS: Final = 10.0
MAX_CONNECTIONS: Final = 1_000
_LENGTH_BYTES: Final = 2


class TcpListener:
    """Accepts connections on one bound socket.

    With ``max_connections`` open, the one that has been without a whole query longest makes room
    (RFC 7766 §6.1), so that idle clients cannot keep others out.
    """

    def __init__(
        self,
        responder: Responder,
        *,
        idle_seconds: float = IDLE_SECONDS,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self.responder = responder
        self.idle_seconds = idle_seconds
        self._max_connections = max_connections
        self._server: asyncio.Server | None = None
        self._connections: dict[_Connection, None] = {}  # longest without a query first

    async def listen(self, bound: socket.socket) -> None:
        """Begin to accept. The socket itself is its owner's and stays open: a copy is used."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), sock=bound.dup())

    async def close(self) -> None:
        """Accept no more, and end what is open."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.abort()
        if self._server is not None:
            await self._server.wait_closed()

    def opened(self, connection: "_Connection") -> None:
        """A new connection; the one idle longest goes where there is one too many."""
        if len(self._connections) >= self._max_connections:
            next(iter(self._connections)).abort()
        self._connections[connection] = None

    def was_active(self, connection: "_Connection") -> None:
        """A whole query came over the connection."""
        if self._connections.pop(connection, connection) is None:
            self._connections[connection] = None

    def forget(self, connection: "_Connection") -> None:
        """The connection has ended, or is about to."""
        self._connections.pop(connection, None)


class _Connection(asyncio.Protocol):
    """One client. Its time runs from its last whole query, so that dribbling does not help."""

    def __init__(self, listener: TcpListener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._address = b""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._address = pack_address(transport.get_extra_info("peername")[0])
        self._listener.opened(self)
        self._restart_clock()

    def data_received(self, data: bytes) -> None:
        self._received += data
        answers: list[bytes] = []
        has_queries = False
        responder = self._listener.responder
        responder.tick()
        while (query := self._take_query()) is not None:
            has_queries = True
            if len(query) < HEADER_LENGTH:
                self.abort()
                return
            for answer in responder.answer_tcp(query, self._address):
                answers += (len(answer).to_bytes(_LENGTH_BYTES, "big"), answer)
        if has_queries and self._transport is not None:
            self._transport.write(b"".join(answers))
            self._listener.was_active(self)
            self._restart_clock()

    def pause_writing(self) -> None:
        """The client does not read its answers: take no more queries until it does."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has read; go on."""
        if self._transport is not None:
            with contextlib.suppress(RuntimeError):  # closing already
                self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._listener.forget(self)
        if self._deadline is not None:
            self._deadline.cancel()

    def abort(self) -> None:
        """End the connection at once."""
        self._listener.forget(self)
        if self._transport is not None:
            self._transport.abort()

    def _take_query(self) -> bytes | None:
        length = int.from_bytes(self._received[:_LENGTH_BYTES], "big")
        end = _LENGTH_BYTES + length
        if len(self._received) < max(end, _LENGTH_BYTES):
            return None
        query = bytes(self._received[_LENGTH_BYTES:end])
        del self._received[:end]
        return query

    def _restart_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(self._listener.idle_seconds, self.abort)
