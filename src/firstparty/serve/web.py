"""The control role: REST and console behind one uvicorn, on a socket of the supervisor's."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from firstparty.api.app import build_app
from firstparty.config.settings import Settings
from firstparty.console.app import build_console
from firstparty.serve.doctor import InstalledDoctor
from firstparty.store.engine import Store


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: other roles live in it."""
        yield


async def serve_control(*, listener: socket.socket, store: Store, settings: Settings) -> None:
    """Serve REST and console on ``listener`` until cancelled."""
    doctor = InstalledDoctor(store, settings)
    app = build_app(store=store, settings=settings, doctor_in_use=doctor)
    app.mount("/", build_console(store=store, settings=settings))
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # No proxy stands in front yet: believing its headers would let anybody on this machine
            # choose the address that sign-in is throttled by.
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
    )
    try:
        await server.serve(sockets=[listener])
    finally:
        server.should_exit = True
