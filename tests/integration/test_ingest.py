"""The ingest role as it runs: a real socket, a real nats-server, the feed from a real store."""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firstparty.store.engine import Store
from tests.ingest_rig import HOST, a_request
from tests.ingest_role import ROOM, Role, a_store, entries_of, eventually, running_role
from tests.nats_server import NatsServer

RECORDED = {
    file.stem: [json.loads(line) for line in file.read_text().splitlines()]
    for file in sorted((Path(__file__).parents[1] / "recordings").glob("*.ndjson"))
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def role(tmp_path: Path, server: NatsServer) -> AsyncIterator[Role]:
    async with running_role(tmp_path, server.url) as role:
        yield role


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
    stored = [entry.body for entry in await entries_of(server.url)]
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

    stored = {json.loads(entry.body).get("number") for entry in await entries_of(server.url)}
    assert refused > 0
    assert acknowledged <= stored


async def test_while_the_log_is_away_requests_get_503_and_then_200_again(
    tmp_path: Path,
) -> None:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    async with running_role(tmp_path, server.url) as role:
        away = await role.until(a_request(), 503)
        assert away.json["code"] == "not_stored"
        assert int(away.headers["retry-after"]) >= 1
        await server.start()
        assert (await role.until(a_request(), 200)).body == b'{"success": true}'
        await server.kill()
        await role.until(a_request(), 503)
        await server.start()
        await role.until(a_request(), 200)

    await server.stop()


async def test_with_the_database_dead_it_serves_from_its_snapshot(
    tmp_path: Path, server: NatsServer
) -> None:
    store = a_store(tmp_path)
    first = Role(tmp_path, server.url, store)
    first.start()
    await first.until(a_request(), 200)
    await eventually((tmp_path / "ingest.snapshot").exists)
    await first.stop()
    first.path.unlink()
    store.close()
    dead = Store(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'store.db'}")

    second = Role(tmp_path, server.url, dead)
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
    assert len(await entries_of(server.url)) >= 4


async def test_a_role_whose_log_does_not_flush_ends_with_the_reason(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    text = server.config.read_text().replace("sync_interval: always", "sync_interval: 2m")
    server.config.write_text(text)
    await server.start()
    async with running_role(tmp_path, server.url) as role:
        assert role.task is not None
        with pytest.raises(BaseExceptionGroup, match="TaskGroup") as raised:
            async with asyncio.timeout(30):
                await role.task
    await server.stop()

    assert "sync_interval: always" in str(raised.value.exceptions[0])


def test_the_recordings_are_there() -> None:
    assert len(RECORDED) >= 8
    assert all(HOST in str(requests) for requests in RECORDED.values())
