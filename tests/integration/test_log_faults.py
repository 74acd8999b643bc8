"""The log's disk is full, late or broken: 503 with Retry-After, never a false 200, and back again.

nats-server's flushes are delayed or made to fail by strace, which hooks into the running process.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firstparty.spool.beside import OwnServer
from tests.fakes.loop_disk import loop_disk
from tests.ingest_rig import Answer, a_request
from tests.ingest_role import ROOM, Role, entries_of, eventually, running_role
from tests.nats_server import NatsServer
from tests.strace import every_call

KIB = 1024


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    await server.start()
    yield server
    await server.kill()


@contextlib.asynccontextmanager
async def a_role(
    folder: Path, server: NatsServer, *, disk: Path, min_free_bytes: int
) -> AsyncIterator[tuple[Role, OwnServer]]:
    own_server = OwnServer(
        directory=disk, min_free_bytes=min_free_bytes, restart_request=folder / "restart-nats"
    )
    async with running_role(folder, server.url, own_server=own_server) as role:
        await role.until(a_request(), 200)
        yield role, own_server


def pid_of(server: NatsServer) -> int:
    assert server.process is not None
    return server.process.pid


def numbered(number: int, *, size: int = 0) -> bytes:
    body = json.dumps({"writeKey": "WKWEB", "number": number, "filler": "x" * size})
    return a_request(body=body.encode())


async def send(role: Role, numbers: range, *, size: int = 0) -> dict[int, Answer]:
    """The answers to these messages, sent one after the other over one connection."""
    client = await role.connect()
    answers = {number: await client.ask(numbered(number, size=size)) for number in numbers}
    await client.close()
    return answers


def acknowledged(answers: dict[int, Answer]) -> set[int]:
    for answer in answers.values():
        assert answer.status in {200, 503}
        assert answer.status == 200 or int(answer.headers["retry-after"]) >= 1
    return {number for number, answer in answers.items() if answer.status == 200}


async def stored_numbers(server: NatsServer) -> set[int]:
    bodies = [json.loads(entry.body) for entry in await entries_of(server.url)]
    return {body["number"] for body in bodies if "number" in body}


@pytest.mark.optional_toolchain  # a container may not mount
async def test_a_disk_that_fills_up_refuses_keeps_what_it_has_and_takes_more_once_there_is_room(
    tmp_path: Path,
) -> None:
    with loop_disk(tmp_path, megabytes=48) as disk:
        other = disk.path / "of-somebody-else"
        other.write_bytes(bytes(16 * KIB * KIB))
        server = NatsServer(disk.path, max_bytes=ROOM)
        await server.start()
        async with a_role(tmp_path, server, disk=disk.path, min_free_bytes=12 * KIB * KIB) as (
            role,
            own_server,
        ):
            taken: set[int] = set()
            last = 0
            while own_server.has_room():
                taken |= acknowledged(await send(role, range(last, last + 20), size=20 * KIB))
                last += 20
                await asyncio.sleep(0.05)  # as slow as disks that fill up are
            full = await role.until(numbered(-1), 503)
            refused = await send(role, range(last, last + 20))
            other.unlink()
            await role.until(numbered(-2), 200)

            assert full.json["code"] == "not_stored"
            assert int(full.headers["retry-after"]) >= 10
            assert acknowledged(refused) == set()
            assert taken <= await stored_numbers(server)
            assert not own_server.restart_request.exists()  # it never came to a failed write
        await server.kill()


@pytest.mark.needs("strace")
@pytest.mark.optional_toolchain  # a container may not trace
async def test_a_failed_flush_is_never_acknowledged_and_a_new_server_mends_it(
    tmp_path: Path, server: NatsServer
) -> None:
    async with a_role(tmp_path, server, disk=tmp_path, min_free_bytes=0) as (role, own_server):
        before = await send(role, range(20))
        async with every_call("fsync", "error=EIO", of=pid_of(server)):
            broken = await send(role, range(20, 22))
        after = await send(role, range(22, 23))  # the disk is well again, the server is not
        await eventually(own_server.restart_request.exists)
        await server.stop()  # as the supervisor does then
        await server.start()
        await role.until(numbered(-1), 200)
        mended = await send(role, range(30, 50))

        assert acknowledged(before) == set(range(20))
        assert acknowledged(broken | after) == set()
        assert acknowledged(mended) == set(range(30, 50))
        assert set(range(20)) | set(range(30, 50)) <= await stored_numbers(server)


@pytest.mark.needs("strace")
@pytest.mark.optional_toolchain  # a container may not trace
async def test_a_slow_disk_makes_answers_late_and_nothing_else(
    tmp_path: Path, server: NatsServer
) -> None:
    async with a_role(tmp_path, server, disk=tmp_path, min_free_bytes=0) as (role, own_server):
        async with every_call("fsync", "delay_exit=5000", of=pid_of(server)):
            answers = await asyncio.gather(
                *(send(role, range(start, start + 20)) for start in range(0, 320, 20))
            )

        assert set().union(*map(acknowledged, answers)) == set(range(320))
        assert set(range(320)) <= await stored_numbers(server)
        assert not own_server.restart_request.exists()
