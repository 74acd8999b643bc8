"""What the forwarder relies on in the log and its outcomes, real and fake alike."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firstparty.spool.log import DurableLog, open_log
from firstparty.spool.outcomes import Copy, Fenced, Outcomes, Shelf, open_outcomes
from tests.fakes.spool import FakeLog, FakeOutcomes
from tests.nats_server import NatsServer

ROOM = 64 * 1024**2
Spool = tuple[FakeLog | DurableLog, FakeOutcomes | Outcomes]


@pytest.fixture(params=["fake", "real"])
async def spool(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Spool]:
    if request.param == "fake":
        yield FakeLog(), FakeOutcomes()
        return
    server = NatsServer(tmp_path, max_bytes=ROOM)
    await server.start()
    log = await open_log(server.url, max_bytes=ROOM)
    yield log, await open_outcomes(log, max_bytes=ROOM)
    await log.close()
    await server.stop()


async def test_groups_are_read_in_order_after_a_sequence(spool: Spool) -> None:
    log, _ = spool
    sequences = [await log.append(b"group %d" % number) for number in range(5)]

    assert [g.sequence for g in await log.read(after=0)] == sequences
    assert [g.data for g in await log.read(after=sequences[2])] == [b"group 3", b"group 4"]
    assert await log.read(after=sequences[-1]) == []


async def test_a_read_is_bounded_and_brings_at_least_one(spool: Spool) -> None:
    log, _ = spool
    for _ in range(4):
        await log.append(b"x" * 1_000)

    assert len(await log.read(after=0, max_groups=2)) == 2
    assert len(await log.read(after=0, max_bytes=10)) == 1


async def test_a_truncated_log_keeps_its_sequences(spool: Spool) -> None:
    log, _ = spool
    for number in range(3):
        await log.append(b"group %d" % number)
    await log.truncate(through=2)

    assert [group.sequence for group in await log.read(after=0)] == [3]
    assert ((await log.state()).first, (await log.state()).last) == (3, 3)
    await log.truncate(through=3)
    assert ((await log.state()).first, (await log.state()).last) == (4, 3)
    assert await log.append(b"next") == 4


async def test_an_empty_log_begins_at_one(spool: Spool) -> None:
    log, _ = spool
    state = await log.state()

    assert (state.first, state.last) == (1, 0)


async def test_a_reader_is_woken_though_not_by_each_group(spool: Spool) -> None:
    log, _ = spool
    async with log.arrivals() as arrived, asyncio.timeout(30):
        while not arrived.is_set():
            await log.append(b"group")
            await asyncio.sleep(0.01)


async def test_a_record_is_taken_after_the_last_one_only(spool: Spool) -> None:
    _, outcomes = spool
    first = await outcomes.commit(b"one", expected=0)
    second = await outcomes.commit(b"two", expected=first)

    for stale in (0, first):
        with pytest.raises(Fenced):
            await outcomes.commit(b"stale", expected=stale)
    assert [r.data for r in await outcomes.read(after=0)] == [b"one", b"two"]
    assert [r.sequence for r in await outcomes.read(after=first)] == [second]


async def test_copies_go_in_with_their_record_or_not_at_all(spool: Spool) -> None:
    _, outcomes = spool
    copies = [Copy(shelf=Shelf.DEAD, source=7, data=b"letter %d" % n) for n in range(3)]
    first = await outcomes.commit(b"one", expected=0, copies=copies)
    with pytest.raises(Fenced):
        await outcomes.commit(b"stale", expected=0, copies=copies)
    second = await outcomes.commit(b"two", expected=first)

    found = await outcomes.read_copies(Shelf.DEAD, 7, after=0)
    assert [copy.data for copy in found] == [b"letter 0", b"letter 1", b"letter 2"]
    assert await outcomes.read_copies(Shelf.DEAD, 8, after=0) == []
    await outcomes.truncate(through=second - 1)
    assert [r.data for r in await outcomes.read(after=0)] == [b"two"]
    assert len(await outcomes.read_copies(Shelf.DEAD, 7, after=0)) == 3
    assert await outcomes.commit(b"three", expected=second) > second
