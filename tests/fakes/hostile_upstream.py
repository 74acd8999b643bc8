"""An upstream that breaks HTTP's rules, or takes for ever, on a socket of its own."""

import asyncio
import contextlib
import gzip
import json
import socket
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
_PIECE: Final = bytes(64 * 1024)
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends a reset

Fault = Callable[["HostileUpstream", asyncio.StreamWriter], Awaitable[None]]


def says(answer: bytes, *, then_reset: bool = False) -> Fault:
    """Answer this, then close the connection, or reset it."""

    async def fault(here: "HostileUpstream", writer: asyncio.StreamWriter) -> None:
        await here.say(writer, answer)
        if then_reset:
            reset(writer)

    return fault


def repeats(start: bytes, piece: bytes, *, pause: float = 0.0) -> Fault:
    """Answer ``start`` and then ``piece`` for ever."""

    async def fault(here: "HostileUpstream", writer: asyncio.StreamWriter) -> None:
        await here.say(writer, start)
        while True:
            await here.say(writer, piece)
            await asyncio.sleep(pause)

    return fault


async def _says_nothing(here: "HostileUpstream", _writer: asyncio.StreamWriter) -> None:
    await here.mended.wait()


def reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


# No answer can be made of these: nothing says that the batch was taken.
NO_ANSWER: Final[dict[str, Fault]] = {
    "half-open": _says_nothing,
    "closes": says(b""),
    "resets": says(b"", then_reset=True),
    "resets-in-the-head": says(b"HTTP/1.1 200 OK\r\nContent-", then_reset=True),
    "resets-in-the-body": says(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + bytes(10), then_reset=True
    ),
    "speaks-ssh": says(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
    "speaks-tls": says(b"\x15\x03\x01\x00\x02\x02\x46"),
    "garbage": says(bytes(range(256)) * 8),
    "length-too-large": says(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n{}"),
    "length-negative": says(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}"),
    "lengths-differ": says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "chunk-is-garbage": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
    "endless-headers": repeats(b"HTTP/1.1 200 OK\r\n", b"X-Filler: x\r\n" * 5_000),
    "endless-header": repeats(b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x" * 65_536),
    "endless-interim-answers": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10, pause=0.001),
    "drips-its-head": repeats(b"HTTP/1.1 200 OK\r\nX: ", b"x", pause=0.01),
}
# The status is there, and says it; what follows it is not needed.
TAKEN: Final[dict[str, Fault]] = {
    "endless-body": repeats(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + _PIECE + b"\r\n"
    ),
    "drips-its-body": repeats(
        b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b"x", pause=0.001
    ),
    "broken-json": says(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"success'),
    "bomb": says(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
        + gzip.compress(bytes(200 * 1024**2), compresslevel=1)
    ),
    "not-gzip": says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
    "length-too-small": says(_OK + b"HTTP/1.1 999 what came after it"),
}


class HostileUpstream:
    """Takes batches; with a fault set it reads a request, takes it or not, and then does that."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.takes = True  # with a fault: whether the batch counts as taken
        self.mended = asyncio.Event()
        self.met = 0  # requests that met the fault
        self.bytes_said = 0
        self.heads: list[bytes] = []
        self.ids: defaultdict[str, list[str]] = defaultdict(list)  # by write key
        self._writers: set[asyncio.StreamWriter] = set()

    async def say(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()
        self.bytes_said += len(data)

    def mend(self) -> None:
        """Answer as one should from now on, and let go of everybody who is kept waiting."""
        self.fault = None
        self.mended.set()
        for writer in self._writers:
            reset(writer)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        try:
            yield f"http://{host}:{port}"
        finally:
            server.close()
            self.mend()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                fault = self.fault
                if fault is None or self.takes:
                    ids = [message["messageId"] for message in body["batch"]]
                    self.ids[body["writeKey"]] += ids
                if fault is not None:
                    self.met += 1
                    await fault(self, writer)
                    return
                await self.say(writer, _OK)
        except (OSError, asyncio.IncompleteReadError):
            pass  # they left, or were made to
        finally:
            self._writers.discard(writer)
            writer.close()
