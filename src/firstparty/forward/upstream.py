"""Delivery over HTTP: one request, one answer. What the answer means is decided elsewhere.

Places that a user named are reached only at public addresses, unless the operator allows others.
"""

import asyncio
import socket
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter, ResolveResult
from yarl import URL

from firstparty.forward.batch import build_pieces
from firstparty.forward.delivery import Answer, is_page
from firstparty.model.feed import EdgeSource
from firstparty.outbound.addresses import is_public_text, parse_host

_TIMEOUT: Final = timedelta(seconds=30)  # from the free connection to the end of the answer
_REQUESTS_PER_ORIGIN: Final = 16  # so that one upstream, however slow, gets no more than these
_TEXT_BYTES: Final = 2_048  # of an answer's body; enough for any reason


class NotPublic(OSError):
    """A host that a user named has an address that is not public."""


class PublicResolver(AbstractResolver):
    """Finds addresses, and refuses every host that has one which is not public."""

    def __init__(self, trusted: Collection[str]) -> None:
        """``trusted`` are hosts that the operator named: they may be anywhere."""
        self._resolver = aiohttp.ThreadedResolver()
        self._trusted = frozenset(trusted)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of ``host``. Raises OSError."""
        found = await self._resolver.resolve(host, port, family)
        if host not in self._trusted and not all(is_public_text(one["host"]) for one in found):
            raise NotPublic(f"{host} has an address that is not public")
        return found

    async def close(self) -> None:
        """Give back what it holds."""
        await self._resolver.close()


class _Pieces(aiohttp.Payload):
    """A body that is never in one piece: half a megabyte need not be copied for it."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__(pieces, content_type="application/json")
        self._pieces = pieces
        self._size = sum(map(len, pieces))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text."""
        return b"".join(self._pieces).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it all."""
        for piece in self._pieces:
            await writer.write(piece)


class HttpPoster:
    """Posts bodies. TLS is verified, redirects are not followed, cookies are not kept."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        trusted: Collection[str] | None = None,
        timeout: timedelta = _TIMEOUT,
    ) -> None:
        """``trusted``: the hosts that may have addresses that are not public; None: any may."""
        self._session = session
        self._timeout = timeout.total_seconds()
        self._trusted = trusted
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_REQUESTS_PER_ORIGIN)
        )

    async def post(self, url: str, body: Sequence[bytes], *, headers: Mapping[str, str]) -> Answer:
        """POST JSON, given in pieces.

        Never raises for what the other side or the network does.
        """
        try:
            target = URL(url)
            self._check(target)
            async with self._slots[str(target.origin())], asyncio.timeout(self._timeout):
                return await self._post(target, body, headers)
        except NotPublic as error:
            return Answer(refusal=str(error))
        except TimeoutError:
            return Answer(error=f"no answer within {self._timeout:.0f} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error.__cause__, NotPublic):
                return Answer(refusal=str(error.__cause__))
            return Answer(error=f"{type(error).__name__}: {error}")

    def _check(self, url: URL) -> None:
        """An address in the URL itself is never resolved. Raises NotPublic, ValueError."""
        host = url.host or ""
        if self._trusted is None or host in self._trusted:
            return
        if not isinstance(parse_host(host), str) and not is_public_text(host):
            raise NotPublic(f"{host} is not public")

    async def _post(self, url: URL, body: Sequence[bytes], headers: Mapping[str, str]) -> Answer:
        async with self._session.post(
            url,
            data=_Pieces(body),
            headers={"Accept-Encoding": "identity", **headers},
            allow_redirects=False,
            # The status decides: a body that cannot be inflated, or is a bomb, changes nothing.
            auto_decompress=False,
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


class TrackingUpstream:
    """Posts batches to the tracking API of each source's origin."""

    def __init__(self, poster: HttpPoster) -> None:
        self._poster = poster

    async def send(
        self, source: EdgeSource, texts: Sequence[bytes], *, sent_at: datetime
    ) -> Answer:
        """POST to ``<origin>/v1/batch`` with the source's write key."""
        body = build_pieces(texts, sent_at=sent_at, write_key=source.write_key)
        answer = await self._poster.post(
            f"{source.upstream.rstrip('/')}/v1/batch",
            body,
            headers={"Authorization": aiohttp.encode_basic_auth(source.write_key, "")},
        )
        if answer.status is not None and answer.status < 300 and is_page(answer):  # noqa: PLR2004 - RFC 9110 §15.3
            return Answer(error=f"the upstream answered {answer.status} with a page for people")
        return answer
