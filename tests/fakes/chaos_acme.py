"""A proxy in front of real Pebble that breaks what it is told to break, and adds what 2.4 lacks.

Pebble makes its URLs from the Host header, so a proxy that keeps it is the CA for whoever asks.
Faults are by resource (``order``, ``finalize``, ``certificate``, ``ari``…), each a few times. It
adds renewal windows (RFC 9773) and profiles to the directory; orders it passes on as Pebble knows
them, and remembers what they asked for.
"""

import asyncio
import base64
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

from firstparty.demo.pebble import Pebble
from tests.fakes.ports import free_ports

Fault = Callable[[web.Request, web.Response], Awaitable[web.StreamResponse]]
_HOP_BY_HOP = {"transfer-encoding", "content-length", "connection", "date", "content-encoding"}


def name_resource(path: str) -> str:
    """What is asked for, by Pebble's paths."""
    known = {
        "/dir": "directory",
        "/nonce-plz": "nonce",
        "/sign-me-up": "account",
        "/order-plz": "new-order",
        "/revoke-cert": "revoke",
    }
    first = path.split("/")[1]
    parts = {
        "my-order": "order",
        "authZ": "authorization",
        "chalZ": "challenge",
        "finalize-order": "finalize",
        "certZ": "certificate",
        "ari": "ari",
    }
    return known.get(path) or parts.get(first, first)


@dataclass
class Chaos:
    """What to break, and what was seen."""

    pebble: Pebble
    port: int
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    ari: dict[str, Any] | bytes | None = None
    ari_headers: dict[str, str] = field(default_factory=lambda: {"Retry-After": "21600"})
    profiles: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    orders: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, bytes]] = field(default_factory=list)  # to finalize: order, and CSR
    is_end: Callable[[str, str], Awaitable[bool]] | None = None
    ari_paths: list[str] = field(default_factory=list)

    @property
    def directory_url(self) -> str:
        return f"https://127.0.0.1:{self.port}/dir"

    def break_next(self, resource: str, *faults: Fault) -> None:
        """Let these faults happen to the next answers for this resource."""
        self.faults.setdefault(resource, []).extend(faults)

    def forget(self) -> None:
        """No faults, and nothing seen."""
        self.faults.clear()
        self.seen.clear()
        self.orders.clear()
        self.ari_paths.clear()
        self.ari = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        resource = name_resource(request.path)
        self.seen[resource] += 1
        if await self._ends("request", resource):
            return await lost(request, web.Response())
        if resource == "ari":
            answer = self._renewal_info(request)
        else:
            answer = await self._ask_pebble(request)
        if resource == "directory" and answer.status == 200:
            answer = self._complete_directory(answer)
        if await self._ends("answer", resource):
            return await lost(request, answer)
        waiting = self.faults.get(resource)
        if waiting:
            return await waiting.pop(0)(request, answer)
        return answer

    async def _ends(self, moment: str, resource: str) -> bool:
        """Whether whoever asks is dead: at its ``request``, or before it has the ``answer``."""
        return self.is_end is not None and await self.is_end(moment, resource)

    async def _ask_pebble(self, request: web.Request) -> web.Response:
        body = await request.read()
        match name_resource(request.path):
            case "new-order":
                self.orders.append(json.loads(_decode(json.loads(body)["payload"])))
            case "finalize":
                asked = json.loads(_decode(json.loads(body)["payload"]))
                self.requests.append((request.path, _decode(asked["csr"])))
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        headers["Host"] = f"127.0.0.1:{self.port}"
        url = f"https://127.0.0.1:{self.pebble.ports.acme}{request.path_qs}"
        trust = ssl.create_default_context(cafile=self.pebble.ca_bundle)
        timeout = ClientTimeout(total=20)
        async with (
            ClientSession(connector=TCPConnector(ssl=trust), timeout=timeout) as session,
            session.request(request.method, url, data=body, headers=headers) as answer,
        ):
            content = await answer.read()
            kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP]
            made = web.Response(status=answer.status, body=content)
            made.headers.popall("Content-Type", None)
            for key, value in kept:
                made.headers.add(key, value)
            return made

    def _complete_directory(self, answer: web.Response) -> web.Response:
        assert isinstance(answer.body, bytes)
        document = json.loads(answer.body)
        if self.ari is not None:
            document["renewalInfo"] = f"https://127.0.0.1:{self.port}/ari"
        if self.profiles:
            document.setdefault("meta", {})["profiles"] = self.profiles
        return web.json_response(document)

    def _renewal_info(self, request: web.Request) -> web.Response:
        self.ari_paths.append(request.path.removeprefix("/ari/"))
        body = self.ari if isinstance(self.ari, bytes) else json.dumps(self.ari).encode()
        return web.Response(body=body, content_type="application/json", headers=self.ari_headers)


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def problem(status: int, kind: str, *, retry_after: str | None = None) -> Fault:
    """The CA says no, and has done nothing."""

    async def fault(_request: web.Request, answer: web.Response) -> web.StreamResponse:
        body = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": "chaos", "status": status}
        headers = {"Retry-After": retry_after} if retry_after else {}
        if "Replay-Nonce" in answer.headers:
            headers["Replay-Nonce"] = answer.headers["Replay-Nonce"]
        return web.json_response(
            body, status=status, headers=headers, content_type="application/problem+json"
        )

    return fault


async def lost(request: web.Request, _answer: web.Response) -> web.StreamResponse:
    """The CA has done it, and nobody learns of it: the connection is cut."""
    if request.transport is not None:  # whoever asked may be gone by now
        request.transport.abort()
    raise ConnectionResetError


def changed(change: Callable[[bytes], bytes]) -> Fault:
    """The CA's answer, with its body changed."""

    async def fault(_request: web.Request, answer: web.Response) -> web.StreamResponse:
        assert isinstance(answer.body, bytes)
        answer.body = change(answer.body)
        return answer

    return fault


async def endless(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """An answer that does not stop."""
    stream = web.StreamResponse(status=200, headers={"Content-Type": "application/json"})
    stream.headers["Replay-Nonce"] = answer.headers.get("Replay-Nonce", "x")
    await stream.prepare(request)
    for _ in range(4_000):  # 250 MB, if somebody takes it
        await stream.write(b" " * 65_536)
    return stream


def dripping(seconds: float) -> Fault:
    """An answer of which a little comes every now and then."""

    async def fault(request: web.Request, answer: web.Response) -> web.StreamResponse:
        stream = web.StreamResponse(status=200, headers={"Content-Type": "application/json"})
        stream.headers["Replay-Nonce"] = answer.headers.get("Replay-Nonce", "x")
        await stream.prepare(request)
        async with asyncio.timeout(120):
            while True:
                await stream.write(b" ")
                await asyncio.sleep(seconds)

    return fault


@asynccontextmanager
async def run_chaos(pebble: Pebble) -> AsyncIterator[Chaos]:
    """A proxy with Pebble's own TLS certificate, which is for 127.0.0.1."""
    (port,) = free_ports(1)
    chaos = Chaos(pebble=pebble, port=port)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", chaos.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pebble.ca_bundle, pebble.folder / "pebble-tls.key")
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    try:
        yield chaos
    finally:
        await runner.cleanup()
