"""One HTTP/1.1 request on a connection of its own, its answer piece by piece as it comes."""

import asyncio
import ssl
from datetime import UTC, datetime
from typing import Final

import h11

READ_BYTES: Final = 64 * 1024
_MAX_HEAD_BYTES: Final = 32 * 1024


class Stream:
    """An answer under way: its head, then its body. Header names in lower case."""

    def __init__(
        self,
        connection: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        head: h11.Response,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._writer = writer
        self.status = head.status_code
        self.headers = tuple((k.decode("ascii"), v.decode("latin-1")) for k, v in head.headers)

    @property
    def valid_from(self) -> datetime | None:
        """Since when the server's certificate is good; None without TLS."""
        return self._certificate_time("notBefore")

    @property
    def expires_at(self) -> datetime | None:
        """Until when the server's certificate is good; None without TLS."""
        return self._certificate_time("notAfter")

    async def read(self) -> bytes:
        """The next piece of the body; empty at its end. Raises EOFError where it is cut off."""
        try:
            event = await _next_event(self._connection, self._reader)
        except (h11.ProtocolError, OSError) as error:
            raise EOFError(str(error) or type(error).__name__) from error
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    def close(self) -> None:
        """Give up the connection, whatever was read."""
        self._writer.transport.abort()

    def _certificate_time(self, field: str) -> datetime | None:
        certificate = self._writer.get_extra_info("peercert")
        if certificate is None:
            return None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate[field]), UTC)


async def begin_exchange(
    head: h11.Request,
    body: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> Stream:
    """Send a request; its answer, once the head is there. Raises EOFError where none comes.

    Unless there is a stream to be closed, the connection is given up.
    """
    stream: Stream | None = None
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        writer.write(_write_message(connection, head, body))
        event = await _next_event(connection, reader)
        while isinstance(event, h11.InformationalResponse):
            event = await _next_event(connection, reader)
        if isinstance(event, h11.Response):
            stream = Stream(connection, reader, writer, event)
            return stream
    except (h11.ProtocolError, OSError) as error:
        raise EOFError(str(error) or type(error).__name__) from error
    finally:
        if stream is None:
            writer.transport.abort()
    raise EOFError("the connection was closed before the answer")


def _write_message(connection: h11.Connection, head: h11.Request, body: bytes) -> bytes:
    parts = [connection.send(head)]
    if body:
        parts.append(connection.send(h11.Data(data=body)))
    parts.append(connection.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)


async def _next_event(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Event:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(READ_BYTES))
    assert isinstance(event, h11.Event)  # PAUSED is for servers
    return event
