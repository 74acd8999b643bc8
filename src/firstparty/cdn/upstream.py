"""One GET to the upstream CDN: what came of it, as a value.

Every request is the same but for its URL and entity tag: no header, cookie, query or address of a
visitor goes up.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import aiohttp
from yarl import URL

from firstparty import __version__
from firstparty.cdn.bodies import MAX_BYTES

_TIMEOUT: Final = timedelta(seconds=10)  # from the first packet to the end of the answer
_CONNECTIONS: Final = 256  # many more than the mirror lets visitors' guesses have
_ETAG: Final = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,200}"', re.ASCII)  # RFC 9110 §8.8.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A body, not looked at yet, at most a byte longer than may be kept."""

    raw: bytes
    content_type: str
    content_encoding: str
    etag: str


class Unchanged:
    """304: what was named by the entity tag is still so."""


class Missing:
    """404: the upstream has no such thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Anything else, an answer or none; it says nothing about what the upstream has."""

    reason: str


Outcome = Fetched | Unchanged | Missing | Failed


class CdnUpstream:
    """Fetches. TLS is verified, redirects are not followed, cookies are not kept."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def fetch(self, url: str, *, etag: str = "") -> Outcome:
        """GET ``url``, byte for byte as it is; never raises for what the network does."""
        try:
            async with asyncio.timeout(_TIMEOUT.total_seconds()):
                return await self._get(url, etag)
        except TimeoutError:
            return Failed(reason=f"no whole answer within {_TIMEOUT.total_seconds():.0f} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Failed(reason=type(error).__name__)

    async def _get(self, url: str, etag: str) -> Outcome:
        headers = {"If-None-Match": etag} if etag else {}
        async with self._session.get(
            URL(url, encoded=True), headers=headers, allow_redirects=False
        ) as response:
            if response.status == HTTPStatus.NOT_MODIFIED and etag:
                return Unchanged()
            if response.status == HTTPStatus.NOT_FOUND:
                return Missing()
            if response.status != HTTPStatus.OK:
                return Failed(reason=f"status {response.status}")
            found = response.headers.get("ETag", "")
            return Fetched(
                raw=await _read_bounded(response.content),
                content_type=response.headers.get("Content-Type", ""),
                content_encoding=", ".join(response.headers.getall("Content-Encoding", [])),
                etag=found if _ETAG.fullmatch(found) else "",
            )


async def _read_bounded(stream: aiohttp.StreamReader) -> bytes:
    """The whole body, or as much of it as shows that it is too long."""
    body = bytearray()
    while len(body) <= MAX_BYTES and (chunk := await stream.read(MAX_BYTES + 1 - len(body))):
        body += chunk
    return bytes(body)


@asynccontextmanager
async def open_upstream() -> AsyncIterator[CdnUpstream]:
    """The upstream CDN, with connections that are kept, and closed at the end."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"firstparty/{__version__}", "Accept-Encoding": "gzip"},
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        yield CdnUpstream(session)
