"""The CDN role in front of the demo's upstream, or of one that a test makes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession, web

from firstparty.demo.upstream import serve_upstream
from firstparty.model.feed import EdgeSource
from firstparty.store.engine import Store
from tests.builders import NOW
from tests.fakes.cdn_rig import (
    CDN_HOST,
    a_domain,
    a_source,
    a_store,
    running_cdn,
    until_known,
)
from tests.ports import listener

SETTINGS = "/v1/projects/WK1/settings"
INTEGRATIONS = "/v1/projects/WK1/integrations"


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Outside:
    """The demo's upstream, and what it was asked for."""

    url: str
    http: ClientSession
    clock: Clock = field(default_factory=Clock)

    async def behave(self, mode: str) -> None:
        async with self.http.post(f"{self.url}/_control", json={"mode": mode}) as answer:
            assert answer.status == 200

    async def fetched(self, path: str) -> int:
        async with self.http.get(f"{self.url}/_fetched") as answer:
            return int((await answer.json()).get(path, 0))

    async def until_fetched(self, path: str, times: int) -> None:
        async with asyncio.timeout(30):
            while await self.fetched(path) < times:
                await asyncio.sleep(0.01)

    def mirrored(self, **changes: Any) -> EdgeSource:
        return a_source(**({"origin": "mirror", "cdn_upstream": self.url} | changes))


@contextlib.asynccontextmanager
async def running_upstream(folder: Path) -> AsyncIterator[Outside]:
    tcp = listener()
    task = asyncio.create_task(serve_upstream(listener=tcp, received=folder / "received"))
    host, port = tcp.getsockname()
    async with ClientSession() as http:
        yield Outside(f"http://{host}:{port}", http)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Cdn:
    def __init__(self, client: ClientSession) -> None:
        self._client = client

    async def get(self, path: str, **headers: str) -> tuple[ClientResponse, bytes]:
        async with self._client.get(
            f"http://cdn{path}", headers={"Host": CDN_HOST} | headers
        ) as answer:
            return answer, await answer.read()


@contextlib.asynccontextmanager
async def a_cdn(folder: Path, outside: Outside, *sources: EdgeSource) -> AsyncIterator[Cdn]:
    store = a_store(folder, a_domain(*(sources or (outside.mirrored(),))))
    async with running_cdn(folder, store, clock=outside.clock) as client:
        await until_known(client)
        while not (folder / "cdn.snapshot").exists():
            await asyncio.sleep(0.01)
        yield Cdn(client)


@contextlib.asynccontextmanager
async def a_cdn_again(folder: Path, outside: Outside) -> AsyncIterator[Cdn]:
    """The role after a restart: the store is gone, what it kept on disk is there."""
    nowhere = Store(f"sqlite:///{folder / 'no-such-folder' / 'store.db'}")
    async with running_cdn(folder, nowhere, clock=outside.clock) as client:
        await until_known(client)
        yield Cdn(client)


@contextlib.asynccontextmanager
async def a_server(
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    tcp = listener()
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.SockSite(runner, tcp).start()
    host, port = tcp.getsockname()
    yield f"http://{host}:{port}"
    await runner.cleanup()
