"""A real console on loopback: uvicorn, a store of its own, people and workspaces in it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn

from firstparty.config.load import load_settings
from firstparty.config.settings import OidcSettings, Settings, SpoolSettings
from firstparty.console.app import build_console
from firstparty.console.visits import Document
from firstparty.control.callers import SYSTEM
from firstparty.control.domains import DomainRequest, request_domain
from firstparty.control.people import create_person
from firstparty.control.rules import build_rules
from firstparty.control.sources import SourceRequest, add_source
from firstparty.control.views import DomainView
from firstparty.control.workspaces import add_workspace
from firstparty.doctor.checks import Doctor
from firstparty.model.domains import Mode
from firstparty.model.observations import Observation
from firstparty.model.status import Word
from firstparty.model.workspaces import Role, Source, SourceType, Workspace
from firstparty.outbound.http import SafeClient
from firstparty.store import tables
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer
from firstparty.store.work import add_history, lease_due, save_observation, wake
from tests.fakes.machine import MachineInMemory

EMAIL = "owner@shop.test"
PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleWorld:
    url: str
    store: Store
    settings: Settings
    machine: MachineInMemory

    def workspace(self, name: str = "Shop") -> Workspace:
        return add_workspace(self.store, SYSTEM, name=name, now=datetime.now(UTC))

    def person(self, *workspaces: Workspace, email: str = EMAIL, role: Role = Role.OWNER) -> None:
        create_person(
            self.store,
            SYSTEM,
            email=email,
            password=PASSWORD,
            is_operator=not workspaces,
            roles={workspace.id: role for workspace in workspaces},
            now=datetime.now(UTC),
        )

    def source(
        self,
        workspace: Workspace,
        name: str = "Web shop",
        kind: SourceType = SourceType.JAVASCRIPT,
        settings: dict[str, Any] | None = None,
        upstream: str | None = None,
    ) -> Source:
        return add_source(
            self.store,
            SYSTEM,
            workspace_id=workspace.id,
            asked=SourceRequest(name=name, type=kind, settings=settings or {}, upstream=upstream),
            rules=build_rules(self.settings),
            now=datetime.now(UTC),
        ).source

    def domain(
        self, workspace: Workspace, name: str, *sources: Source, mode: Mode = Mode.DELEGATION
    ) -> DomainView:
        return request_domain(
            self.store,
            SYSTEM,
            workspace_id=workspace.id,
            asked=DomainRequest(
                name=name, mode=mode, source_ids=tuple(source.id for source in sources)
            ),
            rules=build_rules(self.settings),
            now=datetime.now(UTC),
        )

    def observe(self, observation: Observation, *, word: Word | None = None) -> None:
        """Store what a reconciler would have found of a domain."""
        now = datetime.now(UTC)
        with self.store.write() as connection:
            wake(connection, observation.domain_id, now=now)
            leases = lease_due(connection, now=now, lease=timedelta(0), limit=100)
            lease = next(each for each in leases if each.domain_id == observation.domain_id)
            assert save_observation(connection, lease, observation, due_at=None)
            if word is not None:
                codes = [finding.code for finding in observation.findings]
                add_history(connection, observation.domain_id, word, at=now, codes=codes)

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=20, trust_env=False)


@contextlib.asynccontextmanager
async def running_console(
    folder: Path,
    *,
    oidc: OidcSettings | None = None,
    resolvers: tuple[str, ...] = ("127.0.0.1:9",),
    log_url: str = "",
    client: SafeClient | None = None,
    doctor: Doctor | None = None,
    document: Document | None = None,
) -> AsyncIterator[ConsoleWorld]:
    store = Store(f"sqlite:///{folder / 'store.db'}")
    with store.write() as connection:
        tables.metadata.create_all(connection)
    settings = load_settings(
        None, {"FIRSTPARTY__RESOLVER__STUB_ZONES": '{"shop.test": ["127.0.0.1:53"]}'}
    )
    resolver = msgspec.structs.replace(settings.resolver, public=resolvers)
    settings = msgspec.structs.replace(
        settings,
        resolver=resolver,
        oidc=oidc or OidcSettings(),
        state=str(folder / "state"),
        spool=SpoolSettings(url=log_url),
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        machine = MachineInMemory()
        app = build_console(
            store=store,
            settings=settings,
            sealer=Sealer(bytes(32)),
            doctor_in_use=doctor,
            open_client=lambda: client or SafeClient(allow_private=False),
            machine=machine,
            document=document,
        )
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", lifespan="off", ws="none")
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            port = listener.getsockname()[1]
            yield ConsoleWorld(
                url=f"http://127.0.0.1:{port}", store=store, settings=settings, machine=machine
            )
        finally:
            server.should_exit = True
            await serving
    store.close()
