"""What every request and answer passes: bounded bodies, plain paths, security headers (ASGI)."""

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from firstparty.api.problems import build_problem

MAX_BODY_BYTES: Final = 1_000_000
BODY_SECONDS: Final = 20.0

# For answers that set none of their own: nothing here is a page, and nothing is to be cached.
_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


class Limits:
    """Reads a body whole before the application sees the request, and refuses what is too much."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS:
                    headers.setdefault(name, value)
            await send(message)

        # PostgreSQL has no NUL in text, and nothing of ours has one in its name.
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await build_problem(
                HTTPStatus.BAD_REQUEST, "path-has-nul", "A NUL character is no part of any name."
            )(scope, receive, send_with_headers)
            return
        try:
            body = await _read_body(scope, receive)
        except _TooLarge:
            await build_problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "body-too-large",
                f"The body is larger than {MAX_BODY_BYTES:,} bytes: send less at once.",
                headers={"Connection": "close"},
            )(scope, receive, send_with_headers)
        except TimeoutError:
            await build_problem(
                HTTPStatus.REQUEST_TIMEOUT,
                "body-too-slow",
                f"The body did not arrive within {BODY_SECONDS:.0f} s: send it again.",
                headers={"Connection": "close"},
            )(scope, receive, send_with_headers)
        else:
            if body is not None:
                await self._app(scope, _replay(body, receive), send_with_headers)


class _TooLarge(Exception):
    """The body has more than MAX_BODY_BYTES."""


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body; None if the client has gone."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise _TooLarge
    body = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                raise _TooLarge
            if not message.get("more_body", False):
                return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
