"""Segment as a custom proxy sees it: a CDN and a Tracking API behind TLS, which write all down.

Both are called ``localhost``, on ports of their own, so that generated files run unchanged.
"""

import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from multidict import CIMultiDict

from tests.fakes.proxied_origin import Origin
from tests.pairs import TestAuthority
from tests.ports import listener

BUNDLE = "/analytics-next/bundles/ajs-destination.bundle.d31e2b1a55.js"
COMPRESSED = gzip.compress(b"window.integration = 1;" * 50, mtime=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One request, its body as it came over the wire."""

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class ProxyUpstream:
    """One origin: what it took, and the names that clients put into the handshake."""

    port: int
    taken: list[Taken] = field(default_factory=list)
    names: set[str | None] = field(default_factory=set)

    def of(self, mark: str) -> list[Taken]:
        """The requests whose target contains ``mark``."""
        return [one for one in self.taken if mark in one.target]


@contextlib.asynccontextmanager
async def running_upstream(
    folder: Path, authority: TestAuthority, *, is_cdn: bool, origin: Origin | None = None
) -> AsyncIterator[ProxyUpstream]:
    """The CDN or the Tracking API, under ``https://localhost`` and a free port.

    ``origin`` answers in its place, and then bodies are written down without their gzip.
    """
    socket = listener()
    upstream = ProxyUpstream(port=socket.getsockname()[1])

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        upstream.taken.append(
            Taken(
                method=request.method,
                target=request.raw_path,
                headers=CIMultiDict(request.headers),
                body=await request.read(),
            )
        )
        if origin is not None:
            return await origin.handle(request)
        return _as_cdn(request) if is_cdn else _as_api(request)

    def note_name(_connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        upstream.names.add(name)

    context = server_context(folder / f"upstream-{upstream.port}", authority, "localhost")
    context.sni_callback = note_name
    server = web.Server(handle, access_log=None, auto_decompress=origin is not None)
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    await web.SockSite(runner, socket, ssl_context=context).start()
    try:
        yield upstream
    finally:
        await runner.cleanup()


def server_context(stem: Path, authority: TestAuthority, *names: str) -> ssl.SSLContext:
    """A server's context for ``names``; its files are ``stem`` with .pem (chain, key) and .key."""
    pair = authority.issue(*names)
    file, key = stem.with_suffix(".pem"), stem.with_suffix(".key")
    file.write_bytes(pair.chain.encode() + pair.key)
    key.write_bytes(pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context


def _as_cdn(request: web.BaseRequest) -> web.Response:
    headers = {"Access-Control-Allow-Origin": "*", "Set-Cookie": "cdn=1"}
    if request.path.startswith("/analytics-next/bundles/"):
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": "public, max-age=31536000, immutable",
            "ETag": '"bundle"',
            "Last-Modified": "Mon, 02 Nov 2026 10:00:00 GMT",
        }
        return web.Response(text="bundle();", content_type="text/javascript", headers=headers)
    if request.path.endswith(".js.gz"):
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=COMPRESSED, content_type="text/javascript", headers=headers)
    headers["Cache-Control"] = "public, max-age=300"
    return web.json_response({"integrations": {}}, headers=headers)


def _as_api(request: web.BaseRequest) -> web.Response:
    headers = {
        "Access-Control-Allow-Origin": request.headers.get("Origin", "*"),
        "Access-Control-Expose-Headers": "Retry-After",
        "Set-Cookie": "api=1",
    }
    if request.method == "OPTIONS":
        asked = request.headers.get("Access-Control-Request-Headers", "")
        headers["Access-Control-Allow-Headers"] = asked
        headers["Access-Control-Allow-Methods"] = "POST, GET, OPTIONS"
        return web.Response(status=204, headers=headers)
    if request.query.get("please") == "429":
        headers["Retry-After"] = "7"
        return web.json_response({"success": False}, status=429, headers=headers)
    return web.json_response({"success": True}, headers=headers)
