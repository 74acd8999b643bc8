"""HTTP/1.1 towards our own browser, in the clear or inside a tunnel."""

import asyncio
from urllib.parse import urlsplit

import h11

from firstparty.outbound.streams import READ_BYTES
from firstparty.sitecheck.tracking import Asked


class BrowserSide:
    """One connection of the browser's. Without ``host``, requests name theirs in full."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        scheme: str = "http",
        host: str = "",
        port: int = 0,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._origin = (scheme, host.lower().strip("[]"), port)
        self._connection = h11.Connection(h11.SERVER)
        self._is_head = False

    async def read(self, max_bytes: int) -> Asked | None:
        """The next request with its body; None where the browser is done."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._connection.next_event()
            if event is h11.NEED_DATA:
                self._connection.receive_data(await self._reader.read(READ_BYTES))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > max_bytes:
                    raise ValueError("a body of more than is carried")
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return self._build(head, bytes(body))
            else:
                return None

    def _build(self, head: h11.Request, body: bytes) -> Asked:
        scheme, host, port = self._origin
        self._is_head = head.method == b"HEAD"
        method, target = head.method.decode(), head.target.decode("ascii")
        if not host and method != "CONNECT":
            url = urlsplit(target)
            scheme, host, port = url.scheme, url.hostname or "", url.port or 80
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        return Asked(
            method=method,
            scheme=scheme,
            host=host,
            port=port,
            target=target,
            headers=tuple((k.decode("ascii"), v.decode("latin-1")) for k, v in head.headers),
            body=body,
        )

    def can_go_on(self) -> bool:
        """Whether another request may follow; prepares for it."""
        if self._connection.our_state is not h11.DONE:
            return False
        if self._connection.their_state is not h11.DONE:
            return False
        self._connection.start_next_cycle()
        return True

    async def refuse(self, status: int, why: str) -> None:
        """An answer of ours, in plain text."""
        await self.send(status, (("content-type", "text/plain; charset=utf-8"),), why.encode())

    async def send(self, status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        """A whole answer."""
        length = () if status == 204 else (("content-length", str(len(body))),)  # noqa: PLR2004 - RFC 9110 §8.6
        await self.begin(status, [*headers, *length])
        if body and not self._is_head:
            await self.go_on(body)
        await self.end()

    async def begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        """The head of an answer."""
        encoded = [(k.encode("ascii"), v.encode("latin-1")) for k, v in headers]
        await self._write(h11.Response(status_code=status, headers=encoded))

    async def go_on(self, piece: bytes) -> None:
        """A piece of the body."""
        await self._write(h11.Data(data=piece))

    async def end(self) -> None:
        """The end of the answer."""
        await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.Event) -> None:
        data = self._connection.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()
