"""One request to one address of our own edge, for a host by its own name, as visitors ask.

The address is the settings', so nothing is resolved and no redirect is followed.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import h11

from firstparty.config.addresses import Address
from firstparty.outbound.streams import Stream, begin_exchange

_CONNECT_SECONDS: Final = 3.0
_MAX_BODY_BYTES: Final = 2 * 1024 * 1024
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeAnswer:
    """An answer. ``content_type`` is empty where it has none; ``body`` is its first 2 MB."""

    status: int
    content_type: str
    body: bytes


async def ask_edge(  # noqa: PLR0913 - what a request consists of
    address: Address,
    host: str,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] = _NO_HEADERS,
    body: bytes = b"",
    tls: ssl.SSLContext | None,
    within: timedelta,
) -> EdgeAnswer:
    """The answer to one request; over HTTP where ``tls`` is None.

    Raises OSError where there is no connection or no answer in that time (ssl.SSLError and
    TimeoutError among them), EOFError where the connection breaks off or does not speak HTTP.
    """
    sent = {"Host": host, "Connection": "close", **headers}
    if body:
        sent["Content-Length"] = str(len(body))
    head = h11.Request(method=method, target=path, headers=list(sent.items()))
    async with asyncio.timeout(within.total_seconds()):
        async with asyncio.timeout(_CONNECT_SECONDS):
            connection = await asyncio.open_connection(
                *address, ssl=tls, server_hostname=host if tls else None
            )
        stream = await begin_exchange(head, body, *connection)
        try:
            return await _read(stream)
        finally:
            stream.close()


async def _read(stream: Stream) -> EdgeAnswer:
    body = bytearray()
    while len(body) < _MAX_BODY_BYTES and (piece := await stream.read()):
        body += piece
    return EdgeAnswer(
        status=stream.status,
        content_type=dict(stream.headers).get("content-type", ""),
        body=bytes(body[:_MAX_BODY_BYTES]),
    )
