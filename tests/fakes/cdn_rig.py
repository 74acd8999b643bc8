"""A domain on loopback for tests: the real CDN role, and what a client of its socket needs."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientSession, DummyCookieJar, UnixConnector

from firstparty.cdn.app import serve_cdn, utc_now
from firstparty.cdn.mirror import Clock
from firstparty.model.feed import EdgeDomain, EdgeSource, Topic
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.reader import open_feed

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "node_modules"
ANALYTICS_NEXT = PACKAGES / "@segment" / "analytics-next"
WITHOUT_NPM = "@segment/analytics-next is not installed: run npm ci"

CDN_HOST, API_HOST = "evs.cdp.shop.test", "api.cdp.shop.test"


def a_source(write_key: str = "WK1", **changes: Any) -> EdgeSource:
    facts: dict[str, Any] = {
        "id": f"src_{write_key}",
        "number": 1,
        "type": "javascript",
        "write_key": write_key,
        "alias": "mU51Acorm/go18rexsDt",
        "upstream": "http://127.0.0.1:9",
    }
    return EdgeSource(**(facts | changes))


def a_domain(*sources: EdgeSource, **changes: Any) -> EdgeDomain:
    facts: dict[str, Any] = {
        "id": "dom_1",
        "workspace": "wsp_1",
        "name": "cdp.shop.test",
        "cdn_host": CDN_HOST,
        "api_host": API_HOST,
        "sources": sources or (a_source(),),
    }
    return EdgeDomain(**(facts | changes))


def a_store(folder: Path, *domains: EdgeDomain) -> Store:
    store = Store(f"sqlite:///{folder / 'store.db'}")
    tables.metadata.create_all(store.engine)
    with store.write() as connection:
        for domain in domains:
            feed.publish(connection, Topic.EDGE, domain.id, msgspec.json.encode(domain))
    return store


@contextlib.asynccontextmanager
async def running_cdn(
    folder: Path,
    store: Store,
    *,
    packages: Path = PACKAGES,
    https_port: int = 443,
    log_url: str = "nats://127.0.0.1:9",  # nobody there
    clock: Clock = utc_now,
) -> AsyncIterator[ClientSession]:
    """The role on a Unix socket, and a client that is connected to it and decodes nothing."""
    path = folder / "cdn.sock"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    role = asyncio.create_task(
        serve_cdn(
            listener=listener,
            feed=open_feed(str(store.engine.url)),
            snapshot=folder / "cdn.snapshot",
            packages=packages,
            state=folder / "cdn",
            https_port=https_port,
            log_url=log_url,
            clock=clock,
        )
    )
    client = ClientSession(
        connector=UnixConnector(str(path)),
        auto_decompress=False,
        cookie_jar=DummyCookieJar(),
        headers={"Accept-Encoding": "gzip"},
    )
    try:
        async with client:
            yield client
    finally:
        role.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await role
        store.close()


async def until_known(client: ClientSession, host: str = CDN_HOST) -> None:
    """Wait until the role has read of this host in the feed."""
    while True:
        async with client.get("http://cdn/_firstparty/health", headers={"Host": host}) as answer:
            if answer.status != 404:
                return
        await asyncio.sleep(0.01)
