"""The ingest role as it runs: a real socket, a real nats-server, the feed from a real store."""

import asyncio
import base64
import contextlib
import itertools
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from firstparty.ingest.rates import Rates
from firstparty.ingest.serve import serve_ingest
from firstparty.model.feed import Topic
from firstparty.spool.entries import Entry, decode_group
from firstparty.spool.log import open_log
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.reader import open_feed
from tests.ingest_rig import (
    HOST,
    Answer,
    a_feed_entry,
    a_request,
    an_edge_domain,
)
from tests.nats_server import NatsServer

ROOM = 256 * 1024**2
RECORDED = {
    file.stem: [json.loads(line) for line in file.read_text().splitlines()]
    for file in sorted((Path(__file__).parents[1] / "recordings").glob("*.ndjson"))
}


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

    def __init__(self, folder: Path, server: NatsServer, store: Store) -> None:
        self.path = folder / "ingest.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(128)
        self._arguments: dict[str, Any] = {
            "feed": open_feed(str(store.engine.url)),
            "snapshot": folder / "ingest.snapshot",
            "log_url": server.url,
            "log_max_bytes": ROOM,
            "rates": Rates(),
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


class Client:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> Answer:
        self._writer.write(request)
        return await self.read()

    async def read(self) -> Answer:
        async with asyncio.timeout(20):
            head = await self._reader.readuntil(b"\r\n\r\n")
            answer = Answer(head[:-4], b"")
            answer.body = await self._reader.readexactly(int(answer.headers["content-length"]))
        return answer

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def role(tmp_path: Path, server: NatsServer) -> AsyncIterator[Role]:
    store = a_store(tmp_path)
    role = Role(tmp_path, server, store)
    role.start()
    yield role
    if role.task is not None and not role.task.done():
        await role.stop()
    role.listener.close()
    store.close()


async def entries_of(server: NatsServer) -> list[Entry]:
    log = await open_log(server.url, max_bytes=ROOM)
    found: list[Entry] = []
    after = 0
    while groups := await log.read(after=after):
        after = groups[-1].sequence
        found += [entry for group in groups for entry in decode_group(group.data)]
    await log.close()
    return found


@pytest.mark.parametrize("sdk", RECORDED)
async def test_recorded_requests_of_real_sdks_are_taken_byte_for_byte(
    role: Role, server: NatsServer, sdk: str
) -> None:
    await role.until(a_request(), 200)
    recorded = RECORDED[sdk]
    bodies = [base64.b64decode(request["body_base64"]) for request in recorded]

    answers = []
    for request, body in zip(recorded, bodies, strict=True):
        lines = [f"{request['method']} {request['path']} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request["headers"]]
        answers.append(await role.ask("\r\n".join([*lines, "", ""]).encode() + body))

    assert [(answer.status, answer.body) for answer in answers] == [
        (200, b'{"success": true}')
    ] * len(recorded)
    stored = [entry.body for entry in await entries_of(server)]
    assert [body for body in stored if len(body) > 20] == bodies


async def test_everything_acknowledged_is_in_the_log_after_kill_9_of_its_server(
    role: Role, server: NatsServer
) -> None:
    await role.until(a_request(), 200)
    numbers = itertools.count()
    acknowledged: set[int] = set()
    refused = 0

    async def send_until(done: asyncio.Event) -> None:
        nonlocal refused
        client = await role.connect()
        while not done.is_set():
            number = next(numbers)
            body = b'{"writeKey":"WKWEB","number":%d}' % number
            answer = await client.ask(a_request(body=body))
            if answer.status == 200:
                acknowledged.add(number)
            else:
                assert answer.status == 503
                assert "retry-after" in answer.headers
                refused += 1
                await asyncio.sleep(0.02)
        await client.close()

    done = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(16):
            tasks.create_task(send_until(done))
        for _ in range(3):
            before = len(acknowledged)
            await eventually(lambda before=before: len(acknowledged) > before + 300)
            await server.kill()
            await asyncio.sleep(0.2)
            await server.start()
        before = len(acknowledged)
        await eventually(lambda: len(acknowledged) > before + 300)
        done.set()

    stored = {json.loads(entry.body).get("number") for entry in await entries_of(server)}
    assert refused > 0
    assert acknowledged <= stored


async def eventually(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not is_true():
            await asyncio.sleep(0.02)


async def test_while_the_log_is_away_requests_get_503_and_then_200_again(
    tmp_path: Path,
) -> None:
    server, store = NatsServer(tmp_path, max_bytes=ROOM), a_store(tmp_path)
    role = Role(tmp_path, server, store)
    role.start()

    away = await role.until(a_request(), 503)
    assert away.json["code"] == "not_stored"
    assert int(away.headers["retry-after"]) >= 1
    await server.start()
    assert (await role.until(a_request(), 200)).body == b'{"success": true}'
    await server.kill()
    await role.until(a_request(), 503)
    await server.start()
    await role.until(a_request(), 200)

    await role.stop()
    await server.stop()
    role.listener.close()
    store.close()


async def test_with_the_database_dead_it_serves_from_its_snapshot(
    tmp_path: Path, server: NatsServer
) -> None:
    store = a_store(tmp_path)
    first = Role(tmp_path, server, store)
    first.start()
    await first.until(a_request(), 200)
    await eventually((tmp_path / "ingest.snapshot").exists)
    await first.stop()
    first.path.unlink()
    store.close()
    dead = Store(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'store.db'}")

    second = Role(tmp_path, server, dead)
    second.start()

    assert (await second.until(a_request(), 200)).status == 200
    await second.stop()
    first.listener.close()
    second.listener.close()
    dead.close()


async def test_when_stopped_it_answers_what_has_arrived_and_the_backlog_waits(
    role: Role, server: NatsServer
) -> None:
    await role.until(a_request(), 200)
    client = await role.connect()
    await client.ask(a_request())

    stopping = asyncio.create_task(role.stop())
    await asyncio.sleep(0)
    last = await client.ask(a_request())
    await stopping

    assert (last.status, last.headers.get("connection")) == (200, "close")
    waiting = await role.connect()  # the supervisor's socket still takes connections
    waiting._writer.write(a_request())
    role.start()
    assert (await role.until(a_request(), 200)).status == 200
    assert (await waiting.read()).status == 200
    await client.close()
    await waiting.close()
    assert len(await entries_of(server)) >= 4


async def test_a_role_whose_log_does_not_flush_ends_with_the_reason(tmp_path: Path) -> None:
    server, store = NatsServer(tmp_path, max_bytes=ROOM), a_store(tmp_path)
    text = server.config.read_text().replace("sync_interval: always", "sync_interval: 2m")
    server.config.write_text(text)
    await server.start()
    role = Role(tmp_path, server, store)
    role.start()
    assert role.task is not None

    with pytest.raises(BaseExceptionGroup, match="TaskGroup") as raised:
        async with asyncio.timeout(20):
            await role.task

    assert "sync_interval: always" in str(raised.value.exceptions[0])
    await server.stop()
    role.listener.close()
    store.close()


def test_the_recordings_are_there() -> None:
    assert len(RECORDED) >= 8
    assert all(HOST in str(requests) for requests in RECORDED.values())
