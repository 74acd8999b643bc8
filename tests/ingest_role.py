"""The ingest role as it runs: a real socket, the feed from a real store."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from firstparty.ingest.rates import Rates
from firstparty.ingest.serve import serve_ingest
from firstparty.model.feed import Topic
from firstparty.spool.entries import Entry, decode_group
from firstparty.spool.log import open_log
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.reader import open_feed
from tests.ingest_rig import Answer, a_feed_entry, an_edge_domain

ROOM = 256 * 1024**2


def a_store(folder: Path) -> Store:
    """A store with one domain in its feed."""
    store = Store(f"sqlite:///{folder / 'store.db'}")
    tables.metadata.create_all(store.engine)
    entry = a_feed_entry(an_edge_domain())
    with store.write() as connection:
        feed.publish(connection, Topic.EDGE, entry.key, entry.body)
    return store


class Role:
    """serve_ingest on a Unix socket, as the supervisor would run it."""

    def __init__(self, folder: Path, log_url: str, store: Store, **arguments: Any) -> None:
        self.path = folder / "ingest.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(128)
        self._arguments: dict[str, Any] = {
            "feed": open_feed(str(store.engine.url)),
            "snapshot": folder / "ingest.snapshot",
            "log_url": log_url,
            "log_max_bytes": ROOM,
            "rates": Rates(),
            **arguments,
        }
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        # Its own descriptor of the same socket, as after a fork: the role closes what it gets.
        self.task = asyncio.create_task(
            serve_ingest(listener=self.listener.dup(), **self._arguments)
        )

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def connect(self) -> "Client":
        return Client(*await asyncio.open_unix_connection(str(self.path)))

    async def ask(self, request: bytes) -> Answer:
        client = await self.connect()
        try:
            return await client.ask(request)
        finally:
            await client.close()

    async def until(self, request: bytes, status: int) -> Answer:
        """Ask until this status is answered."""
        async with asyncio.timeout(30):
            while (answer := await self.ask(request)).status != status:
                await asyncio.sleep(0.05)
        return answer


@asynccontextmanager
async def running_role(folder: Path, log_url: str, **arguments: Any) -> AsyncIterator[Role]:
    """The role with a store of its own, stopped at the end if it has not ended before."""
    store = a_store(folder)
    role = Role(folder, log_url, store, **arguments)
    role.start()
    try:
        yield role
    finally:
        if role.task is not None and not role.task.done():
            await role.stop()
        role.listener.close()
        store.close()


class Client:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> Answer:
        self._writer.write(request)
        return await self.read()

    async def read(self) -> Answer:
        async with asyncio.timeout(30):
            head = await self._reader.readuntil(b"\r\n\r\n")
            answer = Answer(head[:-4], b"")
            answer.body = await self._reader.readexactly(int(answer.headers["content-length"]))
        return answer

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def entries_of(url: str) -> list[Entry]:
    log = await open_log(url, max_bytes=ROOM)
    found: list[Entry] = []
    after = 0
    while groups := await log.read(after=after):
        after = groups[-1].sequence
        found += [entry for group in groups for entry in decode_group(group.data)]
    await log.close()
    return found


async def eventually(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not is_true():
            await asyncio.sleep(0.02)
