"""The browser's only way out: a proxy on loopback that applies our rules to every request.

The browser knows no other (``chromium.py``), so pages, frames, workers and service workers can
reach nothing that this does not reach for them. A host is resolved once a visit, by ``outbound``'s
rules; what would count somewhere is answered here; the rest goes on over HTTP/1.1, verified. No
socket but HTTP is carried: a WebSocket ends here.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, Self

import h11

from firstparty.outbound.addresses import parse_host
from firstparty.outbound.http import Failure, Request, SafeClient, Unreached
from firstparty.outbound.streams import Stream
from firstparty.sitecheck.browser_side import BrowserSide
from firstparty.sitecheck.observed import Bounds, Exchange
from firstparty.sitecheck.tracking import Asked, LocalAnswer

_MAX_UPLOAD_BYTES: Final = 1024 * 1024
_MAX_PATH: Final = 300
# RFC 9110 §7.6.1, and what concerns our connection to the browser alone.
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "proxy-connection",
        "proxy-authorization",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "alt-svc",  # another way out, which there is none of
    }
)
# What the browser asks for by itself, whatever it is told; pages have no use for either.
_OF_BROWSER: Final = frozenset(
    {
        ("update.googleapis.com", "/service/update2/json"),
        ("accounts.google.com", "/ListAccounts"),
    }
)

Answer = Callable[[Asked], LocalAnswer | None]


class Egress:
    """One proxy for one visit; ``async with`` it, then ``port`` is where it listens."""

    def __init__(
        self,
        *,
        client: SafeClient,
        tls: ssl.SSLContext,
        answer: Answer,
        bounds: Bounds,
    ) -> None:
        """``tls`` is what the browser meets; ``answer`` says what is not sent on."""
        self._client = client
        self._tls = tls
        self._answer = answer
        self._bounds = bounds
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._bytes = 0
        self._started = 0
        self.is_private = False  # whether requests say that the visitor wants privacy (Sec-GPC)
        self.exchanges: list[Exchange] = []
        self.exceeded = ""
        self.last_request_at = 0.0  # of the loop's clock

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._talks:
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await self._client.close()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def start_over(self, *, is_private: bool) -> None:
        """Begin a new account of requests and bytes; what is under way counts in it."""
        self.exchanges = []
        self.exceeded = ""
        self._bytes = self._started = 0
        self.is_private = is_private

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            await self._talk(reader, writer)
        except (h11.ProtocolError, OSError, EOFError, ValueError):
            pass  # the browser went away, or did not speak HTTP inside the tunnel
        except asyncio.CancelledError:
            pass  # the visit is over; the server's task has nobody to tell
        finally:
            self._talks.discard(task)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        side = BrowserSide(reader, writer)
        asked = await side.read(_MAX_UPLOAD_BYTES)
        if asked is not None and asked.method == "CONNECT":
            host, _, port = asked.target.rpartition(":")
            refused = await self._refuse_tunnel(host, int(port))
            if refused:
                await side.refuse(403, refused)
                return
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            await writer.start_tls(self._tls)
            side = BrowserSide(reader, writer, scheme="https", host=host, port=int(port))
            asked = await side.read(_MAX_UPLOAD_BYTES)
        while asked is not None:
            await self._handle(side, asked)
            if not side.can_go_on():
                return
            asked = await side.read(_MAX_UPLOAD_BYTES)

    async def _refuse_tunnel(self, host: str, port: int) -> str:
        """Why there is no tunnel to this host; empty if there is one."""
        try:
            found = await self._client.find_addresses(host)
        except ValueError as error:
            found = Unreached(failure=Failure.NO_SUCH_NAME, detail=str(error))
        if isinstance(found, tuple):
            return ""
        asked = Asked(
            method="CONNECT",
            scheme="https",
            host=host,
            port=port,
            target="",
            headers=(),
            body=b"",
        )
        self._note(asked, failure=found)
        return found.detail

    async def _handle(self, side: BrowserSide, asked: Asked) -> None:
        if _is_of_browser(asked):
            await side.refuse(403, "not of the page")
            return
        self.last_request_at = asyncio.get_running_loop().time()
        self._started += 1
        if self._started > self._bounds.max_requests:
            self.exceeded = self.exceeded or "requests"
        if self.exceeded:
            await side.refuse(503, "the visit is over")
            return
        local = self._answer(asked)
        if local is not None:
            self._note(asked, local=local)
            await side.send(local.status, local.headers, local.body)
        elif asked.get("upgrade"):
            self._note(asked, failure=Unreached(failure=Failure.BROKEN, detail="not carried"))
            await side.refuse(501, "only HTTP is carried")
        else:
            await self._pass_on(side, asked)

    async def _pass_on(self, side: BrowserSide, asked: Asked) -> None:
        stream = await self._ask(asked)
        if isinstance(stream, Unreached):
            self._note(asked, failure=stream)
            await side.refuse(403 if stream.failure is Failure.NOT_PUBLIC else 502, stream.detail)
            return
        self._note(asked, status=stream.status)
        try:
            headers = [
                (k, v) for k, v in stream.headers if k not in _HOP_BY_HOP or k == "content-length"
            ]
            await side.begin(stream.status, headers)
            while piece := await stream.read():
                self._bytes += len(piece)
                if self._bytes > self._bounds.max_bytes:
                    self.exceeded = self.exceeded or "bytes"
                    raise EOFError("the visit may not read more")
                self.last_request_at = asyncio.get_running_loop().time()
                await side.go_on(piece)
            await side.end()
        finally:
            stream.close()

    async def _ask(self, asked: Asked) -> Stream | Unreached:
        kept = [(k, v) for k, v in asked.headers if k not in _HOP_BY_HOP]
        if self.is_private:
            kept.append(("sec-gpc", "1"))
        try:
            host = parse_host(asked.host)
            request = Request(
                method=asked.method,
                host=str(host),
                port=asked.port,
                target=asked.target,
                headers=tuple(kept),
                body=asked.body,
                is_tls=asked.scheme == "https",
            )
        except ValueError as error:
            return Unreached(failure=Failure.NO_SUCH_NAME, detail=str(error))
        return await self._client.open(request, within=self._bounds.request)

    def _note(
        self,
        asked: Asked,
        *,
        status: int = 0,
        failure: Unreached | None = None,
        local: LocalAnswer | None = None,
    ) -> None:
        if len(self.exchanges) >= self._bounds.max_requests:
            return
        self.exchanges.append(
            Exchange(
                method=asked.method,
                scheme=asked.scheme,
                host=asked.host,
                path=asked.path[:_MAX_PATH],
                status=local.status if local else status,
                failure=failure.detail if failure else "",
                is_local=local is not None,
                is_inside=failure is not None and failure.failure is Failure.NOT_PUBLIC,
                batch=local.batch if local else None,
            )
        )


def _is_of_browser(asked: Asked) -> bool:
    """Whether the browser asks for itself: only what a page asks for securely says its mode."""
    if (asked.host, asked.path) in _OF_BROWSER:
        return True
    return asked.scheme == "https" and not asked.get("sec-fetch-mode")
