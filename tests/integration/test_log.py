"""The log on a real nats-server of our own configuration."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.js.api import DiscardPolicy, PersistMode, StorageType, StreamConfig

from firstparty.errors import Unavailable
from firstparty.spool import log as spool_log
from firstparty.spool.durability import NotDurable
from firstparty.spool.log import DurableLog, open_log
from firstparty.spool.outcomes import Copy, Fenced, Shelf, open_outcomes
from tests.nats_server import NatsServer

ROOM = 64 * 1024**2


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def log(server: NatsServer) -> AsyncIterator[DurableLog]:
    log = await open_log(server.url, max_bytes=ROOM)
    yield log
    await log.close()


async def test_what_was_appended_is_read_in_order_from_any_cursor(log: DurableLog) -> None:
    sequences = [await log.append(b"group %d" % number) for number in range(5)]

    everything = await log.read(after=0)
    assert [group.sequence for group in everything] == sequences
    assert [group.data for group in everything] == [b"group %d" % n for n in range(5)]
    assert [g.data for g in await log.read(after=sequences[1], max_groups=2)] == [
        b"group 2",
        b"group 3",
    ]
    assert await log.read(after=sequences[-1]) == []


async def test_an_empty_log_reads_as_nothing(log: DurableLog) -> None:
    assert await log.read(after=0) == []
    state = await log.state()
    assert (state.first, state.last) == (1, 0)


async def test_a_truncated_log_goes_on_with_what_is_left(log: DurableLog) -> None:
    sequences = [await log.append(b"group %d" % number) for number in range(4)]

    await log.truncate(through=sequences[1])

    assert [group.data for group in await log.read(after=0)] == [b"group 2", b"group 3"]
    assert (await log.state()).first == sequences[2]
    await log.truncate(through=sequences[3])
    assert (await log.state()).first == sequences[3] + 1
    assert await log.append(b"next") == sequences[3] + 1


async def test_a_batch_is_bounded_by_bytes_and_brings_at_least_one(log: DurableLog) -> None:
    for _ in range(6):
        await log.append(b"x" * 100_000)

    found = await log.read(after=0, max_bytes=250_000)

    assert 1 <= len(found) <= 3
    assert len(await log.read(after=0, max_bytes=10)) == 1


async def test_a_reader_is_woken_when_a_group_was_stored(log: DurableLog) -> None:
    async with log.arrivals() as arrived:
        await log.append(b"group")
        async with asyncio.timeout(30):
            await arrived.wait()

    assert len(await log.read(after=0)) == 1


async def test_log_and_reader_survive_a_killed_server(server: NatsServer, log: DurableLog) -> None:
    kept = await log.append(b"before")
    await server.kill()
    with pytest.raises(Unavailable):
        await log.append(b"while away")

    await server.start()
    async with asyncio.timeout(30):
        while not log.connection.is_connected:
            await asyncio.sleep(0.02)
    after = await log.append(b"after")

    found = await log.read(after=0)
    assert [(group.sequence, group.data) for group in found] == [
        (kept, b"before"),
        (after, b"after"),
    ]


async def test_a_full_log_refuses_and_drops_nothing(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, max_bytes=300_000)
    await server.start()
    log = await open_log(server.url, max_bytes=300_000)
    first = await log.append(b"x" * 200_000)

    with pytest.raises(Unavailable, match="maximum bytes"):
        await log.append(b"y" * 200_000)

    assert [group.sequence for group in await log.read(after=0)] == [first]
    await log.close()
    await server.stop()


async def test_a_log_cannot_be_opened_while_the_server_is_away(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await open_log(NatsServer(tmp_path).url, max_bytes=ROOM)


@pytest.mark.parametrize(
    "trap",
    ["sync_interval: 2m", "# sync_interval: always"],
)
async def test_a_server_that_acknowledges_before_it_flushes_is_refused(
    tmp_path: Path, trap: str
) -> None:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    text = server.config.read_text()
    server.config.write_text(text.replace("sync_interval: always", trap))
    assert trap in server.config.read_text()
    await server.start()

    with pytest.raises(NotDurable, match="sync_interval: always"):
        await open_log(server.url, max_bytes=ROOM)

    await server.stop()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"persist_mode": PersistMode.ASYNC}, "persist_mode"),
        ({"storage": StorageType.MEMORY}, "storage"),
        ({"discard": DiscardPolicy.OLD}, "discard"),
        ({"max_age": 3600}, "max_age"),
    ],
)
async def test_a_stream_that_may_lose_messages_is_refused(
    server: NatsServer, settings: dict[str, object], named: str
) -> None:
    connection = await nats.connect(server.url)
    safe = {"storage": StorageType.FILE, "discard": DiscardPolicy.NEW, "max_bytes": ROOM}
    await connection.jetstream().add_stream(
        StreamConfig(name=spool_log.STREAM, subjects=[spool_log.STREAM], **{**safe, **settings})
    )
    await connection.close()

    with pytest.raises(NotDurable, match=named):
        await open_log(server.url, max_bytes=ROOM)


async def test_a_second_forwarder_is_fenced_off(log: DurableLog) -> None:
    outcomes = await open_outcomes(log, max_bytes=ROOM)
    assert await outcomes.last() is None
    first = await outcomes.commit(b"one", expected=0)
    copy = Copy(shelf=Shelf.HELD, source=7, data=b"stale")

    with pytest.raises(Fenced):
        await outcomes.commit(b"stale", expected=0)
    with pytest.raises(Fenced):
        await outcomes.commit(b"stale", expected=0, copies=[copy])

    last = await outcomes.last()
    assert last is not None
    assert (last.sequence, last.data) == (first, b"one")
    assert await outcomes.sources_on(Shelf.HELD) == {}


async def test_copies_go_in_with_their_record_and_leave_by_source(log: DurableLog) -> None:
    outcomes = await open_outcomes(log, max_bytes=ROOM)
    first = await outcomes.commit(b"one", expected=0)
    copies = [
        Copy(shelf=Shelf.HELD, source=7, data=b"a"),
        Copy(shelf=Shelf.DEAD, source=7, data=b"b"),
        Copy(shelf=Shelf.HELD, source=8, data=b"c"),
        Copy(shelf=Shelf.HELD, source=7, data=b"d"),
    ]

    second = await outcomes.commit(b"two", expected=first, copies=copies)

    assert [record.data for record in await outcomes.read(after=0)] == [b"one", b"two"]
    held = await outcomes.read_copies(Shelf.HELD, 7, after=0)
    assert [copy.data for copy in held] == [b"a", b"d"]
    assert await outcomes.sources_on(Shelf.HELD) == {7: 2, 8: 1}
    await outcomes.truncate_copies(Shelf.HELD, 7, through=held[0].sequence)
    assert [c.data for c in await outcomes.read_copies(Shelf.HELD, 7, after=0)] == [b"d"]
    await outcomes.truncate(through=first)
    last = await outcomes.last()
    assert last is not None
    assert last.sequence == second
    assert [record.data for record in await outcomes.read(after=0)] == [b"two"]


async def test_a_connection_that_breaks_is_told_and_one_that_is_closed_is_not(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")
    await (await open_log(server.url, max_bytes=ROOM)).close()
    of_closed = [one.message for one in caplog.records]
    log = await open_log(server.url, max_bytes=ROOM)
    await server.kill()
    async with asyncio.timeout(30):
        while "spool.disconnected" not in [one.message for one in caplog.records]:
            await asyncio.sleep(0.05)
    await log.close()

    assert of_closed == []
