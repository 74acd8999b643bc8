"""The demo's upstream on loopback: a Tracking API that writes down all it takes, and a CDN.

It plays what is outside of the product, so it must know nothing of its parts. It misbehaves on
request (``POST /_control``), so that an outage can be watched.
"""

import asyncio
import base64
import binascii
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from firstparty.demo.cdn import DemoCdn
from firstparty.demo.faults import Behaviour, Mode, parse_fault
from firstparty.demo.received import ReceivedLog
from firstparty.errors import Refused

SLOW_SECONDS: Final = 3.0
_MAX_BODY_BYTES: Final = 1024**2
_READ_LIMIT: Final = 1_000
_LETTERS: Final = {
    "t": "track", "p": "page", "i": "identify", "g": "group", "a": "alias", "s": "screen",
}  # fmt: skip
_TYPES: Final = frozenset(_LETTERS.values())
_BATCHES: Final = frozenset({"b", "batch", "import"})
_LOCAL_ORIGIN: Final = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")
_SCRIPT: Final = (
    "/* Stands in for analytics.min.js of this upstream: it only says that it was loaded. */\n"
    "window.analyticsLoadedFromUpstream = {key};\n"
)
_PAGE: Final = "<!doctype html><title>Sorry</title><p>We will be back soon."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def serve_upstream(*, listener: socket.socket, received: Path) -> None:
    """Play the upstream on ``listener`` until cancelled, adding each message to ``received``."""
    log = ReceivedLog(received)
    runner = web.AppRunner(build_app(log, Behaviour()), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
        log.close()


def build_app(received: ReceivedLog, behaviour: Behaviour) -> web.Application:
    """The upstream as a web application."""
    upstream = _Upstream(received, behaviour)
    app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[upstream.misbehave])
    app.router.add_post("/_control", upstream.control)
    app.router.add_get("/_control", upstream.show_control)
    app.router.add_get("/received", upstream.show_received)
    app.router.add_post("/v1/{call:[a-z]+}{slash:/?}", upstream.take)
    DemoCdn().add_routes(app.router)
    app.router.add_get("/analytics.js/v1/{key}/analytics.min.js", upstream.script)
    return app


class _Upstream:
    def __init__(self, received: ReceivedLog, behaviour: Behaviour) -> None:
        self._received = received
        self._behaviour = behaviour

    @web.middleware
    async def misbehave(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Apply the mode of the moment to everything but what watches and controls."""
        is_watching = request.path in {"/_control", "/received", "/_fetched"}
        mode = Mode.OK if is_watching else self._behaviour.mode
        try:
            return await _answer(mode, request, handler)
        except Refused as refused:
            return _error(400, refused.code, refused.sentence)

    async def control(self, request: web.Request) -> web.StreamResponse:
        """Change the mode."""
        self._behaviour.set(parse_fault(await request.read()))
        return await self.show_control(request)

    async def show_control(self, _request: web.Request) -> web.StreamResponse:
        """Say the mode, and for how long."""
        left = self._behaviour.seconds_left
        return web.json_response(
            {"mode": self._behaviour.mode, "seconds_left": left and round(left, 3)}
        )

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take messages as the Tracking API does: on disk first, then the answer."""
        call = request.match_info["call"]
        if call == "m":
            return web.json_response({"success": True})  # metrics are no messages
        if call not in _BATCHES | _TYPES | set(_LETTERS):
            return _error(404, "not_found")
        body = _parse_body(await request.read())  # gunzipped by aiohttp
        messages = _messages(body, kind=None if call in _BATCHES else _LETTERS.get(call, call))
        write_key = _write_key(body, request.headers.get("Authorization", ""))
        self._received.add(
            messages,
            path=request.path,
            write_key=write_key,
            headers={name.lower(): value for name, value in request.headers.items()},
            now=datetime.now(UTC),
        )
        return web.json_response({"success": True})

    async def show_received(self, request: web.Request) -> web.StreamResponse:
        """Messages after the first ``after`` ones, of one write key if asked, as JSON."""
        text = request.query.get("after", "0")
        if not (text.isascii() and text.isdigit() and len(text) < 16):  # noqa: PLR2004
            raise Refused("bad-after", f"`after` is a whole number from 0 up, not {text!r}")
        after = int(text)
        lines = self._received.read(after=after, limit=_READ_LIMIT)
        wanted = request.query.get("write_key")
        found = [
            line
            for line in lines
            if wanted is None or msgspec.json.decode(line)["write_key"] == wanted
        ]
        answer = {
            "messages": [msgspec.Raw(line) for line in found],
            "next": min(after, self._received.count) + len(lines),
        }
        return web.Response(
            body=msgspec.json.encode(answer),
            content_type="application/json",
            headers={"Cache-Control": "no-store", **_cors(request)},
        )

    async def script(self, request: web.Request) -> web.StreamResponse:
        """Answer with a stub of the library: enough to see that it came through."""
        key = msgspec.json.encode(request.match_info["key"]).decode()
        return web.Response(text=_SCRIPT.format(key=key), content_type="text/javascript")


async def _answer(mode: Mode, request: web.Request, handler: Handler) -> web.StreamResponse:
    match mode:
        case Mode.OK:
            return await handler(request)
        case Mode.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
            return await handler(request)
        case Mode.TOO_MANY:
            return _error(429, "rate_limited", headers={"Retry-After": "1"})
        case Mode.PAGE:
            return web.Response(text=_PAGE, content_type="text/html")
        case Mode.BROKEN:
            return _error(500, "internal_error")
        case Mode.DOWN | Mode.RESET:
            _hang_up(request, is_reset=mode is Mode.RESET)
            return web.Response()  # goes nowhere: the connection is gone


def _parse_body(body: bytes) -> dict[str, Any]:
    try:
        parsed: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Refused("invalid_json", f"The body is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise Refused("invalid_json", "The body is a JSON object")
    return parsed


def _messages(body: dict[str, Any], *, kind: str | None) -> list[Any]:
    """The messages of a body; ``kind`` is the type of a single one, None of a batch."""
    if kind is not None:
        return [{**body, "type": body.get("type", kind)}]
    batch = body.get("batch")
    if not isinstance(batch, list):
        raise Refused("invalid_batch", "The body has no array `batch`", field="batch")
    return batch


def _write_key(body: Mapping[str, Any], authorization: str) -> str:
    """The body's write key, or that of Basic authentication (colon after it or not)."""
    if isinstance(body.get("writeKey"), str):
        return str(body["writeKey"])
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return decoded.partition(":")[0]
    return ""


def _hang_up(request: web.Request, *, is_reset: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if is_reset and connection is not None:
        # Linger for no time at all: close() sends RST instead of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _cors(request: web.Request) -> dict[str, str]:
    origin = request.headers.get("Origin", "")
    if not _LOCAL_ORIGIN.fullmatch(origin):
        return {"Vary": "Origin"}
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def _error(
    status: int, code: str, message: str = "", *, headers: Mapping[str, str] | None = None
) -> web.Response:
    body = {"success": False, "code": code, "message": message or code, "error": message or code}
    return web.json_response(body, status=status, headers=headers)
