"""The control role: REST and console behind one uvicorn, on a socket of the supervisor's."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from firstparty.api.app import build_app
from firstparty.config.settings import Settings
from firstparty.console.app import build_console
from firstparty.counts import Counts
from firstparty.serve.doctor import InstalledDoctor
from firstparty.serve.machine import ThisMachine
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer


class CountRequests:
    """ASGI middleware that counts answers, and the time until they begin."""

    def __init__(self, app: ASGIApp, counts: Counts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what the application answers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        face = "api" if scope["path"].startswith("/api/") else "console"
        began = time.monotonic()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
                self._counts.add("control_requests_total", face, status)
                seconds = time.monotonic() - began
                self._counts.add("control_request_seconds_total", face, by=seconds)
            await send(message)

        await self._app(scope, receive, send_counted)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: other roles live in it."""
        yield


async def serve_control(
    *,
    listener: socket.socket,
    behind_edge: socket.socket,
    store: Store,
    settings: Settings,
    sealer: Sealer,
    counts: Counts | None = None,
) -> None:
    """Serve REST and console until cancelled.

    ``listener`` is for this machine; on ``behind_edge``, a Unix socket, only the edge connects,
    whose word for scheme and address is believed. ``counts`` are kept meanwhile.
    """
    doctor = InstalledDoctor(store, settings)
    counts = counts or Counts()
    machine = ThisMachine(store, settings, counts)
    app = build_app(
        store=store, settings=settings, sealer=sealer, doctor_in_use=doctor, machine=machine
    )
    console = build_console(
        store=store,
        settings=settings,
        sealer=sealer,
        doctor_in_use=doctor,
        machine=machine,
        document=app.openapi,
    )
    app.mount("/", console)
    counted = CountRequests(app, counts)
    # Believing the headers of anybody on this machine would let them choose the address that
    # sign-in is throttled by.
    here, there = (
        _build_server(counted, is_behind_edge=is_behind_edge) for is_behind_edge in (False, True)
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(here.serve(sockets=[listener]))
            tasks.create_task(there.serve(sockets=[behind_edge]))
    finally:
        here.should_exit = there.should_exit = True


def _build_server(app: CountRequests, *, is_behind_edge: bool) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=is_behind_edge,
            forwarded_allow_ips="*" if is_behind_edge else None,
            # Longer than the edge keeps an idle connection.
            timeout_keep_alive=3_660 if is_behind_edge else 5,
            timeout_graceful_shutdown=5,
        )
    )
