"""What stands behind a proxy in tests: the paths and manners of the CDN and the tracking API.

One server plays both. Broken proxies are this server with a fault in front (broken_proxy.py).
"""

import base64
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

WRITE_KEY = "kLzq0sXbT4nB7vK1cD5sW9eQm2xT4nB7"
UNKNOWN = "Cannot GET - Invalid path or write key provided."
SCRIPT = (
    '(()=>{var a={};a.u=t=>({10:"tsub-middleware",50:"ajs-destination"}[t]||t)+".bundle."'
    '+{10:"89bf07058b3d3b126984",50:"40628baed746e9904edc"}[t]+".js"})();'
)
PLUGIN = "/next-integrations/actions/plugin/0123456789abcdef0123.js"
FILES = {
    f"/analytics.js/v1/{WRITE_KEY}/analytics.min.js": SCRIPT,
    "/analytics-next/bundles/tsub-middleware.bundle.89bf07058b3d3b126984.js": "/* bundle */",
    PLUGIN: "/* plugin */",
}
SETTINGS: dict[str, Any] = {
    "integrations": {"Segment.io": {"apiKey": WRITE_KEY, "apiHost": "api.segment.io/v1"}},
    "remotePlugins": [{"name": "Plugin", "url": f"https://cdn.segment.com{PLUGIN}"}],
}
CALLS = frozenset(
    [
        "t",
        "p",
        "i",
        "g",
        "a",
        "s",
        "b",
        "batch",
        "import",
        "track",
        "identify",
        "page",
        "screen",
        "group",
        "alias",
    ]
)


@dataclass
class Origin:
    """What it was sent: the messages it took. ``tells``: as Firstparty does, what arrived.

    ``files`` are the scripts of its CDN, by path.
    """

    tells: bool = True
    files: Mapping[str, str] = field(default_factory=lambda: FILES)
    messages: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked += 1
        response = await self._answer(request)
        response.headers.update(cors(request))
        return response

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.method == "OPTIONS":
            told = (
                ("query", bool(request.query_string)),
                ("cookie", "Cookie" in request.headers),
                ("forwarded-for", "X-Forwarded-For" in request.headers),
            )
            arrived = ", ".join(name if is_there else f"no-{name}" for name, is_there in told)
            tells = "Firstparty-Check" in request.headers and self.tells
            return web.Response(
                status=204, headers={"Firstparty-Arrived": arrived} if tells else None
            )
        call = request.path.removeprefix("/v1/").rstrip("/")
        if call in CALLS:
            return await self._take(request)
        if call.startswith("pixel/"):
            return web.Response(body=b"GIF89a", content_type="image/gif")
        if request.path == f"/v1/projects/{WRITE_KEY}/settings":
            return as_json(SETTINGS, 200, {"Cache-Control": "public, max-age=120"})
        if request.path in self.files:
            return web.Response(
                body=gzip.compress(self.files[request.path].encode()),
                headers={
                    "Content-Type": "text/javascript",
                    "Content-Encoding": "gzip",
                    "Cache-Control": "public, max-age=300",
                },
            )
        return web.Response(status=404, text=UNKNOWN)

    async def _take(self, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405, text="not a POST", headers={"Allow": "POST"})
        try:
            body = json.loads(await request.read())
        except ValueError:
            return as_json({"success": False, "code": "invalid_json"}, 400)
        basic = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
        in_header = request.headers.get("Authorization") == f"Basic {basic}"
        if not in_header and body.get("writeKey") != WRITE_KEY:
            return as_json({"success": False, "code": "unknown_write_key"}, 401)
        self.messages += body.get("batch", [body])
        return as_json({"success": True}, 200)


def as_json(value: object, status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(value).encode(),
        content_type="application/json",
        headers=headers,
    )


def cors(request: web.BaseRequest) -> dict[str, str]:
    if "Origin" not in request.headers:
        return {}
    return {
        "Access-Control-Allow-Origin": request.headers["Origin"],
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
        "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }


@asynccontextmanager
async def run_origin(origin: Origin) -> AsyncIterator[int]:
    """The origin over plain HTTP, for a real proxy in front; its port."""
    runner = web.ServerRunner(web.Server(origin.handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
