"""The power goes while messages are taken: every acknowledged one is on the disk.

Two negative controls show that the rig finds losses: a log that acknowledges before it flushes, and
a tracking API that acknowledges before the log does.
"""

import asyncio
import itertools
import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from firstparty.spool.entries import decode_group
from firstparty.spool.log import DurableLog, join_log, open_log
from tests.fakes.loop_disk import LoopDisk, loop_disk
from tests.ingest_rig import Client, Rig, a_request
from tests.nats_server import NatsServer

pytestmark = pytest.mark.optional_toolchain  # a container may not mount
VISITORS = 16
ROOM = 32 * 1024**2


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, megabytes=128) as disk:
        yield disk


@pytest.fixture
async def server(disk: LoopDisk) -> AsyncIterator[NatsServer]:
    server = NatsServer(disk.path, max_bytes=ROOM)
    yield server
    await server.kill()


class EagerLog:
    """The negative control: says that a group is stored, and stores it a moment later."""

    max_group_bytes = 1024**2

    def __init__(self, log: DurableLog) -> None:
        self._log = log

    def append(self, group: bytes) -> asyncio.Future[int]:
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, self._store, group)
        eager: asyncio.Future[int] = loop.create_future()
        eager.set_result(0)
        return eager

    def _store(self, group: bytes) -> None:
        stored = self._log.append(group)
        stored.add_done_callback(lambda one: one.cancelled() or one.exception())


class Load:
    """Visitors on connections of their own, and which of their messages were answered 200."""

    def __init__(self, rig: Rig, server: NatsServer, *, acknowledgements: int) -> None:
        self._rig, self._server, self._wanted = rig, server, acknowledgements
        self._numbers = itertools.count()
        self.acknowledged: set[int] = set()
        self.is_cut = asyncio.Event()

    async def run(self) -> None:
        """Send until so many are acknowledged; then, in that very moment, stop the log's writer."""
        visitors = [asyncio.create_task(self._visit()) for _ in range(VISITORS)]
        async with asyncio.timeout(60):
            await self.is_cut.wait()
        for visitor in visitors:
            visitor.cancel()
        await asyncio.gather(*visitors, return_exceptions=True)

    async def _visit(self) -> None:
        client = self._rig.connect()
        while True:
            number = next(self._numbers)
            client.send(a_request(body=b'{"writeKey":"WKWEB","number":%d}' % number))
            await self._wait_for_answer(client, number)

    async def _wait_for_answer(self, client: Client, number: int) -> None:
        while not client.answers:
            await asyncio.sleep(0)
        assert client.answers[0].status == 200
        client.transport.written = b""
        if self.is_cut.is_set():
            return
        self.acknowledged.add(number)
        if len(self.acknowledged) >= self._wanted:
            assert self._server.process is not None
            self._server.process.send_signal(signal.SIGSTOP)
            self.is_cut.set()


async def find_stored(disk: LoopDisk) -> set[int]:
    """The numbers of the messages that a server finds on the disk after the cut."""
    cut = disk.after_power_cut()
    server = NatsServer(cut.path, max_bytes=ROOM)
    await server.start()
    try:
        log = await open_log(server.url, max_bytes=ROOM)
        numbers: set[int] = set()
        after = 0
        while groups := await log.read(after=after):
            after = groups[-1].sequence
            for group in groups:
                numbers |= {json.loads(entry.body)["number"] for entry in decode_group(group.data)}
        await log.close()
    finally:
        await server.kill()
    return numbers


async def test_every_acknowledged_message_survives_a_power_cut(
    server: NatsServer, disk: LoopDisk
) -> None:
    await server.start()
    log = await open_log(server.url, max_bytes=ROOM)
    rig = Rig()
    rig.committer.use(log)
    load = Load(rig, server, acknowledgements=3_000)

    await load.run()
    stored = await find_stored(disk)

    assert len(load.acknowledged) >= 3_000
    assert load.acknowledged <= stored
    await log.close()


async def test_control_a_log_that_does_not_flush_loses_what_it_acknowledged(
    server: NatsServer, disk: LoopDisk
) -> None:
    text = server.config.read_text()
    await server.start()  # the stream is made by a server that we accept
    await (await open_log(server.url, max_bytes=ROOM)).close()
    await server.kill()
    server.config.write_text(text.replace("sync_interval: always", "sync_interval: 2m"))
    await server.start()
    log = await join_log(server.url)  # which does not ask for the server's settings
    rig = Rig()
    rig.committer.use(log)
    load = Load(rig, server, acknowledgements=1_000)

    await load.run()
    stored = await find_stored(disk)

    assert load.acknowledged - stored
    await log.close()


async def test_control_an_acknowledgement_before_the_log_loses_messages(
    server: NatsServer, disk: LoopDisk
) -> None:
    await server.start()
    log = await open_log(server.url, max_bytes=ROOM)
    rig = Rig()
    rig.committer.use(EagerLog(log))
    load = Load(rig, server, acknowledgements=1_000)

    await load.run()
    stored = await find_stored(disk)

    assert load.acknowledged - stored
    await log.close()
