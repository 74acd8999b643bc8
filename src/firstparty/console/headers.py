"""Headers on every answer of the console: what a browser may do with it."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# No inline script or style exists; form-action covers what default-src does not.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
_ALWAYS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # "no-referrer" would make browsers send "Origin: null" with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_YEAR: Final = 31_536_000


class SecurityHeaders:
    """ASGI middleware. Pages are never stored; static files, named by digest, for ever."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to what the application answers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_ALWAYS)
                is_static = "static/" in scope["path"] and message["status"] < 400  # noqa: PLR2004
                headers["cache-control"] = (
                    f"public, max-age={_YEAR}, immutable" if is_static else "no-store"
                )
                if scope.get("scheme") == "https":
                    headers["strict-transport-security"] = f"max-age={_YEAR}"
            await send(message)

        await self._app(scope, receive, send_with_headers)
