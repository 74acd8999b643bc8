"""Delivery over HTTP: one request, one answer. What the answer means is decided elsewhere."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import aiohttp

from firstparty import __version__
from firstparty.forward.delivery import Answer

_TIMEOUT: Final = timedelta(seconds=30)  # from the free connection to the end of the answer
_REQUESTS_PER_ORIGIN: Final = 16  # so that one upstream, however slow, gets no more than these
_TEXT_BYTES: Final = 2_048  # of an answer's body; enough for any reason


class HttpUpstream:
    """Posts batches. TLS is verified, redirects are not followed, cookies are not kept."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_REQUESTS_PER_ORIGIN)
        )

    async def send(self, origin: str, write_key: str, body: bytes) -> Answer:
        """POST ``body`` to ``<origin>/v1/batch``. Never raises for what the network does."""
        async with self._slots[origin]:
            try:
                async with asyncio.timeout(_TIMEOUT.total_seconds()):
                    return await self._post(f"{origin.rstrip('/')}/v1/batch", write_key, body)
            except TimeoutError:
                return Answer(error=f"no answer within {_TIMEOUT.total_seconds():.0f} s")
            except (aiohttp.ClientError, OSError, ValueError) as error:
                return Answer(error=f"{type(error).__name__}: {error}")

    async def _post(self, url: str, write_key: str, body: bytes) -> Answer:
        async with self._session.post(
            url,
            data=body,
            headers={
                "Authorization": aiohttp.encode_basic_auth(write_key, ""),
                "Content-Type": "application/json",
            },
            allow_redirects=False,
        ) as response:
            start = await response.content.read(_TEXT_BYTES)
            if not response.content.at_eof():
                # A bounded read of the rest keeps the connection usable; more than that does not.
                await response.content.read(_TEXT_BYTES * 16)
            return Answer(
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                text=start.decode("utf-8", "replace"),
            )


@asynccontextmanager
async def open_upstream() -> AsyncIterator[HttpUpstream]:
    """The HTTP upstream, with connections that are kept and closed at the end."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"firstparty/{__version__}"},
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        yield HttpUpstream(session)
