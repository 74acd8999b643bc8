"""What processes count, said to a real log."""

import asyncio
from pathlib import Path

import pytest

from firstparty.errors import Unavailable
from firstparty.spool.log import join_log
from firstparty.spool.meter import Meters, Part, read_meter
from firstparty.spool.reports import report, say
from firstparty.spool.tally import NotKept, Tally, read_tally
from firstparty.spool.traffic import ACCEPTED, HOURS, Traffic
from tests.builders import NOW
from tests.nats_server import NatsServer


async def test_all_that_a_process_counts_is_said_when_it_leaves(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    await server.start()
    meters, tally = Meters(Part.API), Tally()
    task = asyncio.create_task(report(server.url, meters, tally))
    await asyncio.sleep(0)  # it has begun
    meter = meters.find("dom_1", is_draining=True)
    assert meter is not None
    meter.requests += 3
    tally.count(1, refused=2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    log = await join_log(server.url)
    readings, totals = await read_meter(log, "dom_1"), await read_tally(log, [1])
    await log.close()
    await server.stop()

    assert [one.requests for one in readings] == [3]
    assert totals == {1: NotKept(refused=2)}


async def test_one_that_cannot_be_said_keeps_no_other_from_being_said(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    await server.start()
    log = await join_log(server.url)
    await log.jetstream.add_stream(name=HOURS.stream, subjects=["not.ours"])
    traffic, tally = Traffic(), Tally()
    traffic.cells("source-1")[ACCEPTED] += 1
    tally.count(1, refused=2)
    with pytest.raises(Unavailable):
        await say(server.url, traffic, tally, now=NOW)
    totals = await read_tally(log, [1])
    await log.close()
    await server.stop()

    assert totals == {1: NotKept(refused=2)}
