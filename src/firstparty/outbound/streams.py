"""One request to a place that a user named, its answer handed on piece by piece as it comes."""

import asyncio
from datetime import timedelta

import h11

from firstparty.outbound.http import (
    MAX_HEAD_BYTES,
    READ_BYTES,
    Failure,
    Request,
    SafeClient,
    Unreached,
    build_message,
)


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


async def open_stream(
    client: SafeClient, request: Request, *, within: timedelta
) -> Stream | Unreached:
    """The head of the answer, or why there is none in that time. The stream is to be closed."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            addresses = await client.find_addresses(request.host)
            if isinstance(addresses, Unreached):
                return addresses
            connected = await client.connect(request, addresses)
            if isinstance(connected, Unreached):
                return connected
            return await _begin(request, *connected)
    except TimeoutError:
        seconds = within.total_seconds()
        return Unreached(failure=Failure.TIMEOUT, detail=f"no answer in {seconds:.1f} s")


async def _begin(
    request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Stream | Unreached:
    stream: Stream | None = None
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        writer.write(build_message(connection, request))
        event = await _next_event(connection, reader)
        while isinstance(event, h11.InformationalResponse):
            event = await _next_event(connection, reader)
        if isinstance(event, h11.Response):
            stream = Stream(connection, reader, writer, event)
            return stream
    except (h11.ProtocolError, OSError) as error:
        return Unreached(failure=Failure.BROKEN, detail=str(error) or type(error).__name__)
    finally:
        if stream is None:
            writer.transport.abort()
    return Unreached(failure=Failure.BROKEN, detail="the connection was closed before the answer")


async def _next_event(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Event:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(READ_BYTES))
    assert isinstance(event, h11.Event)  # PAUSED is for servers
    return event
