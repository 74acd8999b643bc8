"""The demo's shop page: a small site that uses the generated snippet, and shows what came of it.

It reads ``demo.json`` again for each visit, so that it is right whatever the story has come to.
The page's Content Security Policy is the least that a site with a custom domain needs.
"""

import asyncio
import socket
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from aiohttp import web
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from firstparty.demo.installation import DEMO_FILE
from firstparty.demo.shop_site import (
    ShopSite,
    build_browser_command,
    build_policy,
    fetch_pin,
    parse_demo,
)
from firstparty.snippets.html import build_html_snippet

_DRAIN_SECONDS: Final = 1.0
_OPEN: Final = frozenset({"live", "warning", "failing"})
_FILES: Final = {"shop.css": "text/css", "shop.js": "text/javascript"}
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


async def serve_shop(*, listener: socket.socket, state: Path) -> None:
    """Serve the shop page on ``listener`` until cancelled; ``state`` is where ``demo.json`` is."""
    shop = _Shop(state, listener.getsockname()[1])
    app = web.Application()
    app.router.add_get("/", shop.page)
    for name in _FILES:
        app.router.add_get(f"/{name}", _file)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_SECONDS)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


class _Shop:
    """The page, for a state directory and the port that the shop is on."""

    def __init__(self, state: Path, port: int) -> None:
        self._report = state / DEMO_FILE
        self._profile = state / "browser"
        self._address = f"http://localhost:{port}/"

    async def page(self, request: web.Request) -> web.Response:
        """The shop, or a page that waits for the domain to be live."""
        del request
        site = await asyncio.to_thread(self._load)
        if site is None or site.status not in _OPEN:
            status = "not asked for yet" if site is None else site.status
            return _html(_template("waiting.html").render(status=status))
        snippet = build_html_snippet(site.facts)
        pin = await fetch_pin(site)
        command = pin and build_browser_command(
            site, shop=self._address, pin=pin, profile=self._profile
        )
        html = _template("shop.html").render(
            site=site,
            snippet=Markup(snippet),  # noqa: S704 - it is HTML, made of escaped values
            shown_snippet=snippet,
            command=command,
        )
        answer = _html(html)
        answer.headers["Content-Security-Policy"] = build_policy(site, snippet)
        return answer

    def _load(self) -> ShopSite | None:
        try:
            return parse_demo(self._report.read_bytes())
        except OSError:
            return None


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)


async def _file(request: web.Request) -> web.Response:
    name = request.path.removeprefix("/")
    return web.Response(text=_read(name), content_type=_FILES[name], headers=_HEADERS)


@cache
def _template(name: str) -> Template:
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(_read(name))


@cache
def _read(name: str) -> str:
    return files("firstparty.demo").joinpath("shop_page", name).read_text()
