"""A small internet for the site check: pages by host and path, at addresses that count as public.

Names resolve to public addresses, by the product's own rules; only the last step, the connection,
leads to a server on loopback instead.
"""

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from aiohttp import web

from firstparty.outbound.http import Request, SafeClient, Unreached
from tests.fakes.throwaway_ca import ThrowawayCa

PUBLIC = "93.184.215.14"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class SiteLab:
    """What its hosts answer, and every request that reached them."""

    port: int = 0
    plain_port: int = 0
    ca_pem: str = ""
    pages: dict[str, Handler] = field(default_factory=dict)
    seen: list[tuple[str, str, str]] = field(default_factory=list)  # method, host, path
    headers: list[dict[str, str]] = field(default_factory=list)
    profiles: Path = Path()  # where its visitors' browsers have their profiles
    addresses: dict[str, list[str]] = field(default_factory=dict)  # answers in turn; the last stays
    asked_names: list[str] = field(default_factory=list)

    def html(self, address: str, text: str, **headers: str) -> None:
        """Serve a page at host/path."""

        async def answer(_: web.Request) -> web.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return web.Response(text=text, content_type="text/html", headers=named)

        self.pages[address] = answer

    def text(self, address: str, text: str, kind: str = "text/javascript") -> None:
        """Serve a script, or something else that is no page."""

        async def answer(_: web.Request) -> web.Response:
            allowed = {"Access-Control-Allow-Origin": "*"}
            return web.Response(text=text, content_type=kind, headers=allowed)

        self.pages[address] = answer

    def hold(self, until: str, *, times: int = 1) -> str:
        """An image that comes when a host/path was asked so often anew: the page is not done."""
        host, slash, path = until.partition("/")
        wanted = 0

        async def answer(_: web.Request) -> web.Response:
            nonlocal wanted
            wanted += times
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(30):
                    while self.paths(host).count(slash + path) < wanted:
                        await asyncio.sleep(0.02)
            return web.Response(status=404)

        self.pages["www.shop.test/held.png"] = answer
        return '<img src="/held.png">'

    def client(self) -> SafeClient:
        """The product's client, which meets this internet."""
        return _LabClient(self)

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Addresses as the DNS of this internet has them."""
        self.asked_names.append(host)
        answers = self.addresses.get(host, [PUBLIC])
        return (answers.pop(0) if len(answers) > 1 else answers[0],)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The server's answer to anything."""
        host = request.host.partition(":")[0]
        self.seen.append((request.method, host, request.path))
        self.headers.append(dict(request.headers))
        page = self.pages.get(f"{host}{request.path}") or self.pages.get(host)
        return (
            web.Response(status=404, text="nothing here") if page is None else await page(request)
        )

    def paths(self, host: str) -> list[str]:
        """The paths that one host was asked for."""
        return [path for _, asked, path in self.seen if asked == host]


class _LabClient(SafeClient):
    def __init__(self, lab: SiteLab) -> None:
        super().__init__(allow_private=False, ca_pem=lab.ca_pem, resolve=lab.resolve)
        # The lab has one certificate for all its names.
        self._tls.check_hostname = False
        self._lab = lab

    async def connect(
        self, request: Request, addresses: tuple[str, ...]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | Unreached:
        del addresses  # checked by now: they are public
        port = self._lab.port if request.is_tls else self._lab.plain_port
        return await super().connect(replace(request, port=port), ("127.0.0.1",))


@contextlib.asynccontextmanager
async def running_lab(folder: Path) -> AsyncIterator[SiteLab]:
    """The internet: every host and port, over HTTPS and HTTP."""
    ca = ThrowawayCa(folder)
    # A short path: Chromium has sockets in it.
    profiles = tempfile.TemporaryDirectory(prefix="fp-")
    lab = SiteLab(ca_pem=ca.pem, profiles=Path(profiles.name))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", lab.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    context: ssl.SSLContext = ca.context(ca.leaf())
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    lab.port, lab.plain_port = (address[1] for address in runner.addresses)
    try:
        yield lab
    finally:
        await runner.cleanup()
        profiles.cleanup()
