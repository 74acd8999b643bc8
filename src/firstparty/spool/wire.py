"""Messages of a NATS connection taken from the bytes as they arrive.

nats-py reads through a stream of asyncio's, looks for each frame with several regular expressions
and cuts it out of the front of a buffer, so that every byte is moved some five times; then a queue
and two tasks bring it to whoever waits. Here a frame for somebody who takes it raw is found where
the kernel put it and handed over in the same call. All other frames go to nats-py as they are, and
connecting, reconnecting and everything else stays its business.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, cast

from nats.aio.transport import TcpTransport

# What takes a message: the subject it came on, its header block, its data.
Taker = Callable[[bytes, bytes, bytes], None]

_BUFFER_BYTES: Final = 256 * 1024
_KEPT_BYTES: Final = 4 * 1024 * 1024  # a larger buffer is given back when it is empty
_MIN_FREE_BYTES: Final = 16 * 1024  # less is not worth a system call
_MAX_LINE_BYTES: Final = 1024 * 1024  # the longest is INFO, which names every server of a cluster
_CRLF: Final = b"\r\n"


class Wire(asyncio.BufferedProtocol):
    """The receiving side of a connection; the sending side stays with the protocol before it."""

    def __init__(self, takers: Mapping[int, Taker], before: asyncio.Protocol, began: bytes) -> None:
        """``began`` has arrived already; ``before`` is told all that is not about arriving data."""
        self._takers = takers
        self._before = before
        self._buffer = bytearray(max(_BUFFER_BYTES, 2 * len(began)))
        self._view = memoryview(self._buffer)
        self._start = 0  # of what is not parsed yet
        self._end = len(began)
        self._needed = 0  # bytes of the frame that is arriving, where that is known
        self._others: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None
        self.is_at_end = False
        self._buffer[: len(began)] = began
        self._parse()

    async def read_others(self) -> bytes:
        """Frames that nobody takes raw, as nats-py's parser wants them; empty at the end."""
        if not self._others and not self.is_at_end:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        others, self._others = self._others, []
        return b"".join(others)

    # --- asyncio.BufferedProtocol ------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: behind what has come of the frame that is arriving."""
        del sizehint
        size, arrived = len(self._buffer), self._end - self._start
        if not arrived:
            self._start = self._end = 0
            if size > _KEPT_BYTES:
                self._resize(_BUFFER_BYTES)
        elif size - self._end < _MIN_FREE_BYTES or self._start + self._needed > size:
            wanted = max(self._needed, arrived + _MIN_FREE_BYTES)
            if wanted > size:
                self._resize(max(wanted, 2 * size))
            else:
                self._view[:arrived] = self._view[self._start : self._end]
                self._start, self._end = 0, arrived
        return self._view[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take out every frame that is there whole."""
        self._end += nbytes
        if self._end - self._start >= self._needed:
            self._parse()

    def eof_received(self) -> bool | None:
        """The server sends no more."""
        self._finish()
        return self._before.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._finish()
        self._before.connection_lost(exc)

    def pause_writing(self) -> None:
        """The server does not read."""
        self._before.pause_writing()

    def resume_writing(self) -> None:
        """The server reads again."""
        self._before.resume_writing()

    # --- frames ------------------------------------------------------------------------------

    def _parse(self) -> None:
        buffer, start = self._buffer, self._start
        self._needed = 0
        while start < self._end:
            line_end = buffer.find(_CRLF, start, self._end)
            if line_end < 0:
                if self._end - start > _MAX_LINE_BYTES:
                    raise ValueError("nats: a line does not end")
                break
            end = line_end + len(_CRLF)
            line = bytes(self._view[start:line_end])
            if line.startswith((b"MSG ", b"HMSG ")):
                end += int(line[line.rindex(b" ") + 1 :]) + len(_CRLF)
                if end > self._end:
                    self._needed = end - start
                    break
                taker = self._takers.get(int(line.split(b" ", 3)[2]))
                if taker is not None:
                    self._hand_over(line, line_end + len(_CRLF), end - len(_CRLF), taker)
                    start = self._start = end
                    continue
            self._others.append(bytes(self._view[start:end]))
            start = self._start = end
        if self._others and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _hand_over(self, line: bytes, start: int, end: int, taker: Taker) -> None:
        words = line.split(b" ")
        headers = b""
        if line.startswith(b"H"):
            data_start = start + int(words[-2])
            headers = bytes(self._view[start:data_start])
            start = data_start
        taker(words[1], headers, bytes(self._view[start:end]))

    def _resize(self, size: int) -> None:
        arrived = self._view[self._start : self._end]
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
        self._start, self._end = 0, len(arrived)
        self._view[: self._end] = arrived

    def _finish(self) -> None:
        self.is_at_end = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class WiredTransport(TcpTransport):
    """nats-py's transport, of which only what nobody takes raw can be read."""

    def __init__(self, inner: TcpTransport, takers: Mapping[int, Taker]) -> None:
        """``inner`` is connected, and nothing reads from it; ``takers`` are found by ``sid``."""
        self.__dict__.update(inner.__dict__)
        self._takers = takers
        self.attach()

    def attach(self) -> None:
        """Read this way from now on; once for each connection, when it has been set up."""
        reader, writer = self._io_reader, self._io_writer
        assert reader is not None  # connected
        assert writer is not None
        transport = cast("asyncio.Transport", writer.transport)
        before = cast("asyncio.Protocol", transport.get_protocol())
        began = bytes(reader._buffer)  # type: ignore[attr-defined]  # noqa: SLF001  # read() waits
        self._wire = Wire(self._takers, before, began)
        # A transport of uvloop chooses how it reads when reading begins.
        transport.pause_reading()
        transport.set_protocol(self._wire)
        transport.resume_reading()

    async def read(self, buffer_size: int) -> bytes:
        """Frames for nats-py's parser; empty at the end."""
        del buffer_size
        return await self._wire.read_others()

    def at_eof(self) -> bool:
        """Whether nothing more will come."""
        return self._wire.is_at_end
