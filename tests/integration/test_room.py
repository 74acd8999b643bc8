"""A disk fills up while the upstream is away: the forwarder says so before ingest has to refuse."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.forward.forwarder import serve_forward
from firstparty.spool.beside import OwnServer
from firstparty.spool.log import join_log
from firstparty.spool.room import Room, ask_room
from firstparty.store.reader import open_feed
from tests.fakes.loop_disk import loop_disk
from tests.forwarding import LIMITS
from tests.ingest_rig import a_request
from tests.ingest_role import ROOM, Role, a_store
from tests.nats_server import NatsServer

MIB = 1024**2
pytestmark = pytest.mark.optional_toolchain  # a container may not mount


@asynccontextmanager
async def running(
    folder: Path, server: NatsServer, own_server: OwnServer, *, keep: timedelta
) -> AsyncIterator[Role]:
    """Ingest and forwarder of one machine; the source is unknown upstream, so messages wait."""
    store = a_store(folder)
    role = Role(folder, server.url, store, own_server=own_server)
    role.start()
    await role.until(a_request(), 200)
    limits = replace(
        LIMITS,
        log_bytes=ROOM,
        outcomes_bytes=ROOM,
        keep=keep,
        look_every=timedelta(milliseconds=50),
    )
    forwarder = asyncio.create_task(
        serve_forward(
            feed=open_feed(str(store.engine.url)),
            snapshot=folder / "forward.snapshot",
            log_url=server.url,
            limits=limits,
            own_server=own_server,
        )
    )
    try:
        yield role
    finally:
        forwarder.cancel()
        await asyncio.gather(forwarder, return_exceptions=True)
        await role.stop()
        role.listener.close()
        store.close()


async def fill(role: Role) -> int:
    """Send until the disk is nearly full; how many messages were taken."""
    body = json.dumps({"writeKey": "WKWEB", "filler": "x" * 30_000}).encode()
    taken = 0
    while (await role.ask(a_request(body=body))).status == 200:
        taken += 1
        await asyncio.sleep(0.005)  # as slow as disks that fill up are
    return taken


async def asked(server: NatsServer) -> Room:
    log = await join_log(server.url)
    try:
        async with asyncio.timeout(30):
            while (room := await ask_room(log.connection)) is None:
                await asyncio.sleep(0.05)
        return room
    finally:
        await log.close()


@pytest.mark.parametrize(
    ("keep", "is_said"), [(timedelta(hours=72), True), (timedelta(0), False)], ids=["72 h", "none"]
)
async def test_a_disk_that_fills_up_is_said_before_messages_are_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, keep: timedelta, *, is_said: bool
) -> None:
    caplog.set_level("INFO")
    with loop_disk(tmp_path, megabytes=48) as disk:
        server = NatsServer(disk.path, max_bytes=ROOM)
        await server.start()
        own_server = OwnServer(
            directory=disk.path, min_free_bytes=26 * MIB, restart_request=tmp_path / "restart"
        )
        async with running(tmp_path, server, own_server, keep=keep) as role:
            before = await asked(server)
            taken = await fill(role)
            async with asyncio.timeout(30):
                while (after := await asked(server)).free_bytes:
                    await asyncio.sleep(0.05)
        await server.kill()
    said = [record.message for record in caplog.records]

    assert before.disk_bytes is not None
    assert after.disk_bytes is not None
    assert taken > 0
    # What the messages took is what there is less of, but for those of the last moment.
    assert before.disk_bytes - after.disk_bytes >= 0.8 * taken * 30_000
    assert after.bytes_per_second > 0
    assert "ingest.disk_nearly_full" in said
    assert ("forward.room_short" in said) is is_said
    if is_said:
        assert said.index("forward.room_short") < said.index("ingest.disk_nearly_full")
