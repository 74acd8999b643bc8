"""Answers of the CDN host that Envoy gives by itself: a few small bodies, asked for all the time.

They are what the CDN role says, word for word, fetched over the socket that Envoy uses too, and
only while there are few sources: each is part of the route table. A conditional request, one that
takes neither br nor gzip, and whatever is not hot goes on to the CDN role.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import h11

from firstparty.model.feed import EdgeDomain, HostKind
from firstparty.model.workspaces import Origin, SourceType

MAX_PATHS: Final = 96  # about 6 MB of bodies, in each route table that is sent
MAX_BODY_BYTES: Final = 256 * 1024
# A change drops what is hot; the CDN role follows the feed each second, and is asked after that.
SETTLE_SECONDS: Final = 2.5
_RENEW_SECONDS: Final = 5.0
_FETCH_SECONDS: Final = 3.0
_NOT_HANDED_ON: Final = frozenset({"content-length", "connection", "date", "server", "keep-alive"})

ENCODINGS: Final = ("br", "gzip")  # the first that a client takes is sent

HotKey = tuple[str, str]  # host, path


@dataclass(frozen=True, slots=True, kw_only=True)
class HotAnswer:
    """A 200 for those who take ``encoding``: its headers and its body as they were sent."""

    encoding: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


Hot = Mapping[HotKey, tuple[HotAnswer, ...]]


def list_hot_paths(domain: EdgeDomain) -> tuple[str, ...]:
    """The paths of a domain that may be hot: its scripts, and settings that are stored here.

    None while it drains: then the CDN role counts who still asks. Mirrored settings change without
    a word of the feed.
    """
    if domain.is_draining or domain.kind is not HostKind.TENANT or domain.certificate is None:
        return ()
    paths: list[str] = []
    for source in domain.sources:
        if source.type != SourceType.JAVASCRIPT:
            continue
        paths += (
            f"/{source.alias}.min.js",
            f"/analytics.js/v1/{source.write_key}/analytics.min.js",
        )
        if source.origin == Origin.SELF_HOSTED:
            paths.append(f"/v1/projects/{source.write_key}/settings")
    return tuple(paths)


async def keep_hot(
    cdn_socket: Path, wanted: Callable[[], tuple[int, list[HotKey]]], take: Callable[[Hot], None]
) -> None:
    """Have ``take`` get the answers to what is ``wanted``, now and again, until cancelled.

    ``wanted`` also says how often it has changed; ``take`` is not called for a set that has
    changed meanwhile. Where there are too many, none is hot.
    """
    seen, loop = -1, asyncio.get_running_loop()
    changed_at = loop.time() - SETTLE_SECONDS
    while True:
        changes, keys = wanted()
        if changes != seen:
            seen, changed_at = changes, loop.time()
        elif loop.time() - changed_at >= SETTLE_SECONDS:
            found = await _fetch_all(cdn_socket, keys if len(keys) <= MAX_PATHS else [])
            if wanted()[0] == seen:
                take(found)
            await asyncio.sleep(_RENEW_SECONDS)
            continue
        await asyncio.sleep(SETTLE_SECONDS / 5)


async def _fetch_all(cdn_socket: Path, keys: Iterable[HotKey]) -> Hot:
    found: dict[HotKey, tuple[HotAnswer, ...]] = {}
    for host, path in keys:  # one after the other: it is nobody's hurry
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                answers = [await fetch_hot(cdn_socket, host, path, each) for each in ENCODINGS]
        except (OSError, EOFError, h11.ProtocolError):
            continue
        if kept := tuple(answer for answer in answers if answer is not None):
            found[(host, path)] = kept
    return found


async def fetch_hot(cdn_socket: Path, host: str, path: str, encoding: str) -> HotAnswer | None:
    """What the CDN role answers to those who take ``encoding``; None where that may not be hot.

    Raises OSError, EOFError.
    """
    reader, writer = await asyncio.open_unix_connection(str(cdn_socket))
    try:
        connection = h11.Connection(h11.CLIENT)
        headers = [("Host", host), ("Accept-Encoding", encoding), ("Connection", "close")]
        head = connection.send(h11.Request(method="GET", target=path, headers=headers))
        writer.write((head or b"") + (connection.send(h11.EndOfMessage()) or b""))
        return await _read(reader, connection, encoding)
    finally:
        writer.transport.abort()


async def _read(
    reader: asyncio.StreamReader, connection: h11.Connection, encoding: str
) -> HotAnswer | None:
    response: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                return None
        else:
            break
    if response is None or response.status_code != 200:  # noqa: PLR2004 - nothing else is kept
        return None
    headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in response.headers]
    if ("content-encoding", encoding) not in headers:
        return None
    kept = tuple(one for one in headers if one[0] not in _NOT_HANDED_ON)
    return HotAnswer(encoding=encoding, headers=kept, body=bytes(body))
