"""Counts of traffic on their way from the processes that count to the charts."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firstparty.config.settings import Settings, SpoolSettings
from firstparty.errors import Unavailable
from firstparty.events.charts import Period, Series, read_series
from firstparty.spool.log import join_log
from firstparty.spool.reports import say
from firstparty.spool.traffic import (
    ACCEPTED,
    ACKNOWLEDGED,
    DELIVERED,
    HOURS,
    MINUTES,
    Traffic,
    read_blocks,
)
from tests.ingest_rig import a_request, basic
from tests.ingest_role import ROOM, running_role
from tests.nats_server import NatsServer
from tests.served import Served, serve_api

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    await server.start()
    yield server
    await server.stop()


async def read(
    server: NatsServer, subject: str, period: Period = Period.HOUR, *, now: datetime = NOW
) -> Series:
    log = await join_log(server.url)
    try:
        return await read_series(log, subject, period, now=now)
    finally:
        await log.close()


async def run(served: Served, *arguments: str) -> str:
    """What this command prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firstparty", *arguments),
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "FIRSTPARTY_URL": served.url,
            "FIRSTPARTY_TOKEN": served.bearer,
        },
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_the_counts_of_all_processes_are_added_and_never_doubled(server: NatsServer) -> None:
    nothing = await read(server, "source-1")
    first, second = Traffic(), Traffic()
    first.cells("source-1", "domain-dom_1")[ACCEPTED] += 2
    second.cells("source-1")[DELIVERED] += 1
    for traffic in (first, second, first, first):
        await say(server.url, traffic, now=NOW)
    first.cells("source-1", "domain-dom_1")[ACCEPTED] += 1
    await say(server.url, first, now=NOW + timedelta(minutes=1))
    found = await read(server, "source-1", now=NOW + timedelta(minutes=1))
    by_hour = await read(server, "source-1", Period.WEEK)

    assert nothing.total.accepted == 0
    assert [(one.accepted, one.delivered) for one in found.points[-2:]] == [(2, 1), (1, 0)]
    assert (await read(server, "domain-dom_1", Period.DAY)).total.accepted == 3
    assert (await read(server, "source-10")).total.accepted == 0
    assert by_hour.total.accepted == 2  # hours are said every few minutes


async def test_what_is_counted_while_the_log_is_away_is_said_when_it_is_back(
    server: NatsServer,
) -> None:
    traffic = Traffic()
    await server.stop()
    for minutes in (0, 50, 100):
        traffic.cells("source-1")[ACCEPTED] += 5
        traffic.collect(NOW + timedelta(minutes=minutes))
        with pytest.raises(Unavailable):
            await say(server.url, traffic, now=NOW)
    await server.start()
    later = NOW + timedelta(minutes=150)
    await say(server.url, traffic, now=later)

    assert (await read(server, "source-1", Period.DAY, now=later)).total.accepted == 15
    assert (await read(server, "source-1", Period.WEEK, now=later)).total.accepted == 15


async def test_a_round_says_so_much_and_the_rest_has_its_turn(server: NatsServer) -> None:
    traffic = Traffic()
    for number in range(150):
        traffic.cells(f"source-{number}")[ACCEPTED] += 1
    log = await join_log(server.url)
    told: list[int] = []
    for _ in range(3):
        await say(server.url, traffic, now=NOW)
        traffic.cells("source-0")[ACCEPTED] += 1  # a busy one must not keep the others waiting
        told.append(sum([bool(await read_blocks(log, HOURS, f"source-{n}")) for n in range(150)]))
    await log.close()

    assert told[0] < told[1] < told[2] == 150


async def test_the_api_tells_what_came_of_a_source(tmp_path: Path, server: NatsServer) -> None:
    settings = Settings(spool=SpoolSettings(url=server.url))
    traffic = Traffic()
    with serve_api(tmp_path, settings) as served, served.call() as call:
        home = call.post("/workspaces", json={"name": "Shop"}).json()["id"]
        web = {"name": "Web", "type": "javascript", "workspace_id": home}
        source = call.post("/sources", json=web).json()["id"]
        asked = {"name": "cdp.shop.com", "source_ids": [source], "workspace_id": home}
        domain = call.post("/domains", json=asked).json()["id"]
        lane = traffic.cells("source-1", f"domain-{domain}")
        lane[ACKNOWLEDGED[3]] += 4
        lane["refused.no_write_key"] += 1
        await say(server.url, traffic, now=datetime.now(UTC))
        told = call.get(f"/sources/{source}/traffic").json()
        host = call.get(f"/domains/{domain}/traffic", params={"period": "quarter"}).json()
        wrong = call.get(f"/sources/{source}/traffic", params={"period": "year"})
        table = await run(served, "sources", "traffic", source)
        by_name = await run(served, "domains", "traffic", "cdp.shop.com", "--period", "week")

    assert (told["period"], told["step_seconds"], len(told["points"])) == ("day", 900, 96)
    assert told["total"]["acknowledged"] == 4
    assert told["total"]["refused"] == {"no_write_key": 1}
    assert told["total"]["acknowledged_in"] == {"median_seconds": 0.01, "p95_seconds": 0.01}
    assert told["total"]["delivered_in"] is None
    assert host["total"]["acknowledged"] == 4
    assert len(host["points"]) == 90
    assert wrong.status_code == 422
    assert re.search(r"in all +4 +1 +0 +0 +0 +0 +<= 0.01 s", table)
    assert re.search(r"in all +4 +1 +<= 0.01 s", by_name)


async def test_a_role_that_leaves_has_said_what_it_took_and_what_it_refused(
    tmp_path: Path, server: NatsServer
) -> None:
    async with running_role(tmp_path, server.url) as role:
        await role.until(a_request(), 200)
        broken = await role.ask(a_request(body=b"{", Authorization=basic("WKWEB")))
    source = await read(server, "source-6", Period.DAY, now=datetime.now(UTC))
    domain = await read(server, "domain-dom_1", Period.DAY, now=datetime.now(UTC))

    assert broken.status == 400
    assert source.total.acknowledged == 1
    assert list(source.total.refused.values()) == [1]
    assert source.total.acknowledged_in is not None
    assert domain.total.acknowledged == 1


async def test_a_clock_that_is_set_back_into_an_hour_that_is_over_takes_nothing_from_its_chart(
    server: NatsServer,
) -> None:
    traffic = Traffic()
    for now in (NOW, NOW + timedelta(hours=2), NOW, NOW + timedelta(hours=2)):
        traffic.cells("source-1")[ACCEPTED] += 3
        await say(server.url, traffic, now=now)
        await say(server.url, traffic, now=now)  # what is over and said is forgotten
    log = await join_log(server.url)
    blocks = await read_blocks(log, MINUTES, "source-1")
    await log.close()

    assert sum(row[ACCEPTED] for block in blocks for row in block.rows.values()) == 12
