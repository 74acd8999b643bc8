"""The small HTTP server that answers http-01 validations, and nothing else.

Only a live challenge of exactly this host and token is answered: a path that answers more lets
strangers drive traffic to the CA or reach what is behind. It stands on h11 alone: this process has
no other use for an HTTP framework (measured: 20 MB).
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import h11

from firstparty.edge.resources import Resources
from firstparty.edge.routes import CHALLENGE_PREFIX

_EXCHANGE_SECONDS: Final = 10.0
_READ_BYTES: Final = 16 * 1024


async def serve_challenges(listener: socket.socket, resources: Resources) -> None:
    """Answer on ``listener`` until cancelled."""

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # Who leaves or stalls gets nothing; a CA asks again.
            with contextlib.suppress(TimeoutError, ConnectionError, h11.RemoteProtocolError):
                async with asyncio.timeout(_EXCHANGE_SECONDS):
                    await _exchange(reader, writer, resources)
        finally:
            writer.close()

    server = await asyncio.start_server(exchange, sock=listener)
    async with server:
        await server.serve_forever()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, resources: Resources
) -> None:
    """One request and its answer; the connection is closed after it."""
    connection = h11.Connection(h11.SERVER)
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(_READ_BYTES))
    if not isinstance(event, h11.Request):
        return
    writer.write(b"".join(_answer(connection, event, resources)))
    await writer.drain()


def _answer(
    connection: h11.Connection, request: h11.Request, resources: Resources
) -> Iterator[bytes]:
    found = _find(request, resources)
    sentence = "There is no such challenge here."
    refusal = {"success": False, "code": "not_found", "message": sentence, "error": sentence}
    body = (json.dumps(refusal) if found is None else found).encode()
    headers = [
        ("content-type", "application/json" if found is None else "text/plain"),
        ("content-length", str(len(body))),
        ("connection", "close"),
    ]
    yield connection.send(h11.Response(status_code=404 if found is None else 200, headers=headers))
    if request.method != b"HEAD":
        yield connection.send(h11.Data(data=body))
    yield connection.send(h11.EndOfMessage())


def _find(request: h11.Request, resources: Resources) -> str | None:
    path = request.target.decode("latin-1")
    if request.method not in {b"GET", b"HEAD"} or not path.startswith(CHALLENGE_PREFIX):
        return None
    host = next((value for name, value in request.headers if name == b"host"), b"")
    return resources.key_authorization(
        host=host.decode("latin-1").partition(":")[0].removesuffix(".").lower(),
        token=path.removeprefix(CHALLENGE_PREFIX),
        now=datetime.now(UTC),
    )
