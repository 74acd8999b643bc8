"""What ingest did not keep, told beside the ledger, whichever process counted it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firstparty.spool.log import join_log
from firstparty.spool.reports import say
from firstparty.spool.tally import NotKept, Tally, read_tally
from tests.builders import NOW
from tests.ingest_rig import a_request, basic
from tests.ingest_role import ROOM, running_role
from tests.nats_server import NatsServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    await server.start()
    yield server
    await server.stop()


async def read(server: NatsServer, *sources: int) -> dict[int, NotKept]:
    log = await join_log(server.url)
    try:
        return await read_tally(log, sources)
    finally:
        await log.close()


async def test_the_totals_of_all_processes_are_added_and_never_doubled(server: NatsServer) -> None:
    nobody = await read(server, 1)
    first, second = Tally(), Tally()
    first.count(1, refused=2)
    second.count(1, refused=1, privacy_dropped=5)
    second.count(2, privacy_dropped=1)
    await say(server.url, first, now=NOW)
    await say(server.url, second, now=NOW)
    first.count(1, refused=1)
    await say(server.url, first, now=NOW)
    await say(server.url, first, now=NOW)

    assert nobody == {1: NotKept()}
    assert await read(server, 1, 2) == {
        1: NotKept(refused=4, privacy_dropped=5),
        2: NotKept(privacy_dropped=1),
    }


async def test_a_role_that_leaves_has_said_what_it_refused(
    tmp_path: Path, server: NatsServer
) -> None:
    async with running_role(tmp_path, server.url) as role:
        await role.until(a_request(), 200)
        broken = await role.ask(a_request(body=b"{", Authorization=basic("WKWEB")))

    assert broken.status == 400
    assert await read(server, 6, 1) == {6: NotKept(refused=1), 1: NotKept()}
