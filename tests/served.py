"""The REST API on a real uvicorn, a free loopback port and a real store, for a test."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvicorn

from firstparty.api.app import build_app
from firstparty.config.settings import Settings
from firstparty.control.callers import SYSTEM
from firstparty.control.tokens import add_token
from firstparty.model.workspaces import Role
from firstparty.store import tables
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer
from tests.fakes.doctor import FakeDoctor

READY_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running API: where it is, its store, and an operator's token."""

    url: str
    store: Store
    bearer: str

    def token(self, role: Role, workspace_id: str | None) -> str:
        """A new token's secret."""
        made = add_token(
            self.store,
            SYSTEM,
            workspace_id=workspace_id,
            name="test",
            role=role,
            now=datetime.now(UTC),
        )
        return made.bearer

    def call(self, bearer: str | None = None) -> httpx.Client:
        """A client with this token, or the operator's."""
        return httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {bearer or self.bearer}"},
            timeout=20,
            trust_env=False,
        )


@contextmanager
def serve_api(directory: Path, settings: Settings | None = None) -> Iterator[Served]:
    """Serve the API until the block is left."""
    store = Store(f"sqlite:///{directory / 'store.db'}")
    tables.metadata.create_all(store.engine)
    operator = add_token(
        store, SYSTEM, workspace_id=None, name="operator", role=Role.OWNER, now=datetime.now(UTC)
    )
    listener = socket.create_server(("127.0.0.1", 0))
    app = build_app(
        store=store,
        settings=settings or Settings(),
        sealer=Sealer(bytes(32)),
        doctor_in_use=FakeDoctor(),
    )
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # The socket listens already: a request waits in its queue until the server takes it.
        httpx.get(f"{url}/readyz", timeout=READY_SECONDS, trust_env=False).raise_for_status()
        yield Served(url=url, store=store, bearer=operator.bearer)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        store.close()
