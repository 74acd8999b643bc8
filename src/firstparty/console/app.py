"""The console as one ASGI application, and its addresses.

It answers every path it is given, so mount it last, at the root, beside the REST API:
``app.mount("/", build_console(...))``.
"""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from firstparty.config.settings import Settings
from firstparty.console import (
    debugger,
    domain,
    domain_list,
    messages,
    proxies,
    sign_in,
    source_pages,
    tokens,
)
from firstparty.console.headers import SecurityHeaders
from firstparty.console.pages import DIRECTORY
from firstparty.console.rim import Page, answer_http_error, build_endpoint
from firstparty.console.visits import Clock, Place
from firstparty.control.rules import build_rules
from firstparty.store.engine import Store

_WORKSPACE = "/workspaces/{workspace_id}"
_DOMAIN = f"{_WORKSPACE}/domains/{{domain_id}}"

# Method, path, page. The first that fits answers.
_PAGES: tuple[tuple[str, str, Page], ...] = (
    ("GET", "/", sign_in.show_start),
    ("POST", "/sign-out", sign_in.sign_out),
    ("GET", f"{_WORKSPACE}/domains", domain_list.show_domains),
    ("GET", f"{_WORKSPACE}/domains/new", domain_list.show_new_domain),
    ("POST", f"{_WORKSPACE}/domains/new", domain_list.add_domain),
    ("GET", _DOMAIN, domain.show_domain),
    ("GET", f"{_DOMAIN}/watch", domain.watch_domain),
    ("POST", f"{_DOMAIN}/check", domain.check_domain),
    ("POST", f"{_DOMAIN}/pause", domain.pause_domain),
    ("POST", f"{_DOMAIN}/resume", domain.resume_domain),
    ("GET", f"{_DOMAIN}/remove", domain.ask_to_remove),
    ("POST", f"{_DOMAIN}/remove", domain.remove_domain),
    ("GET", f"{_WORKSPACE}/sources", source_pages.show_sources),
    ("GET", f"{_WORKSPACE}/sources/new", source_pages.show_new_source),
    ("POST", f"{_WORKSPACE}/sources/new", source_pages.add_source),
    ("GET", f"{_WORKSPACE}/sources/{{source_id}}", source_pages.show_source),
    ("GET", f"{_WORKSPACE}/messages", debugger.show_debugger),
    ("GET", f"{_WORKSPACE}/messages/stream", debugger.stream_messages),
    ("GET", f"{_WORKSPACE}/messages/ledger", messages.show_ledger),
    ("GET", f"{_WORKSPACE}/messages/dead", messages.show_dead),
    ("POST", f"{_WORKSPACE}/messages/dead/replay", messages.replay_dead),
    ("GET", f"{_WORKSPACE}/proxies", proxies.show_generator),
    ("GET", f"{_WORKSPACE}/proxies/check", proxies.show_check),
    ("POST", f"{_WORKSPACE}/proxies/check", proxies.check),
    ("GET", f"{_WORKSPACE}/tokens", tokens.show_tokens),
    ("POST", f"{_WORKSPACE}/tokens", tokens.add_token),
    ("POST", f"{_WORKSPACE}/tokens/{{token_id}}/revoke", tokens.revoke_token),
)
_OPEN_PAGES: tuple[tuple[str, str, Page], ...] = (
    ("GET", "/sign-in", sign_in.show_sign_in),
    ("POST", "/sign-in", sign_in.sign_in),
)


def build_console(*, store: Store, settings: Settings, clock: Clock | None = None) -> Starlette:
    """The console. ``clock`` answers the time, aware UTC.

    Over HTTPS the request's scheme must say so (uvicorn's ``proxy_headers``): cookies follow it.
    """
    place = Place(
        store=store,
        rules=build_rules(settings),
        clock=clock or _now,
        log_url=settings.spool.log_url,
        debuggers=asyncio.Semaphore(debugger.MAX_DEBUGGERS),
        proxy_checks=asyncio.Semaphore(proxies.MAX_CHECKS),
    )
    routes: list[BaseRoute] = [
        Mount("/static", StaticFiles(directory=DIRECTORY / "static")),
        *(_route(place, *page, is_open=True) for page in _OPEN_PAGES),
        *(_route(place, *page) for page in _PAGES),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={HTTPException: partial(_answer_error, place)},
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _route(place: Place, method: str, path: str, page: Page, *, is_open: bool = False) -> Route:
    endpoint = build_endpoint(place, page, is_open=is_open)
    return Route(path, endpoint, methods=[method], name=page.__name__)


async def _answer_error(place: Place, request: Request, error: Exception) -> Response:
    # Starlette types handlers by the widest exception.
    return await answer_http_error(place, request, cast("HTTPException", error))
