"""The console as one ASGI application.

It answers every path it is given, so mount it last, at the root, beside the REST API:
``app.mount("/", build_console(...))``.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from threading import BoundedSemaphore
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from firstparty.config.settings import Settings
from firstparty.console import debugger, doctor, proxies
from firstparty.console.headers import SecurityHeaders
from firstparty.console.looks import MAX_LOOKS
from firstparty.console.pages import DIRECTORY
from firstparty.console.rim import Page, answer_http_error, build_endpoint
from firstparty.console.routes import OPEN_PAGES, PAGES
from firstparty.console.visits import Clock, Document, Place
from firstparty.control.machine import Machine
from firstparty.control.rules import build_rules
from firstparty.doctor.checks import Doctor
from firstparty.outbound.http import SafeClient
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer


def build_console(  # noqa: PLR0913 - each is something that it stands on
    *,
    store: Store,
    settings: Settings,
    sealer: Sealer,
    clock: Clock | None = None,
    doctor_in_use: Doctor | None = None,
    open_client: Callable[[], SafeClient] = lambda: SafeClient(allow_private=False),
    machine: Machine | None = None,
    document: Document | None = None,
) -> Starlette:
    """The console. ``clock`` answers the time, aware UTC; ``open_client`` reaches users' pages.

    Over HTTPS the request's scheme must say so (uvicorn's ``proxy_headers``): cookies follow it.
    """
    place = Place(
        store=store,
        rules=build_rules(settings),
        clock=clock or _now,
        log_url=settings.spool.log_url,
        sealer=sealer,
        debuggers=asyncio.Semaphore(debugger.MAX_DEBUGGERS),
        looks=BoundedSemaphore(MAX_LOOKS),
        proxy_checks=asyncio.Semaphore(proxies.MAX_CHECKS),
        oidc=settings.oidc,
        examinations=asyncio.Semaphore(doctor.MAX_EXAMINATIONS),
        doctor=doctor_in_use,
        open_client=open_client,
        machine=machine,
        document=document,
    )
    routes: list[BaseRoute] = [
        Mount("/static", StaticFiles(directory=DIRECTORY / "static")),
        *(_route(place, *page, is_open=True) for page in OPEN_PAGES),
        *(_route(place, *page) for page in PAGES),
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
