"""What tests of the way from the log to an upstream start and stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from firstparty.forward.forwarder import Limits, serve_forward
from firstparty.spool.beside import OwnServer
from firstparty.store.reader import open_feed
from tests.forwarding import LIMITS, Forwarding, OutsideUpstream


@asynccontextmanager
async def a_forwarding(folder: Path) -> AsyncIterator[Forwarding]:
    """A log and a feed, kept in this folder; nothing forwards yet."""
    forwarding = Forwarding(folder)
    await forwarding.start()
    try:
        yield forwarding
    finally:
        await forwarding.stop()


@asynccontextmanager
async def an_upstream(file: Path, *, refuses: str = "") -> AsyncIterator[OutsideUpstream]:
    """One of the demo's upstreams, which writes what it takes into this file."""
    upstream = OutsideUpstream(file, refuses=refuses)
    async with upstream.running():
        yield upstream


@asynccontextmanager
async def running(
    forwarding: Forwarding, limits: Limits = LIMITS, *, own_server: OwnServer | None = None
) -> AsyncIterator[None]:
    """A forwarder in this process."""
    task = asyncio.create_task(
        serve_forward(
            feed=open_feed(str(forwarding.store.engine.url)),
            snapshot=forwarding.folder / "forward.snapshot",
            log_url=forwarding.nats.url,
            limits=limits,
            own_server=own_server,
        )
    )
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
