"""Requests to a draining domain, counted where they arrive and read where it is decided."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.errors import Unavailable
from firstparty.events.traffic import SpoolTraffic
from firstparty.reconciler.traffic import HostsTraffic, TrafficAnswer
from firstparty.spool.log import open_log
from firstparty.spool.meter import Meters, Part
from firstparty.spool.outcomes import open_outcomes
from firstparty.spool.reports import say
from tests.builders import NOW
from tests.nats_server import NatsServer


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path)
    await server.start()
    log = await open_log(server.url, max_bytes=server.max_bytes)
    await open_outcomes(log, max_bytes=server.max_bytes)
    await log.close()
    yield server
    await server.kill()


def ask(meters: Meters, times: int, domain: str = "dom_1") -> None:
    meter = meters.find(domain, is_draining=True)
    assert meter is not None
    meter.requests += times


async def test_totals_of_all_processes_are_added_up(nats: NatsServer) -> None:
    cdn, first, second = Meters(Part.CDN), Meters(Part.API), Meters(Part.API)
    ask(cdn, 3)
    ask(first, 5)
    ask(second, 7)
    ask(second, 100, domain="dom_2")
    for meters in (cdn, first, second):
        await say(nats.url, meters, now=NOW)
    ask(first, 1)
    await say(nats.url, first, now=NOW + timedelta(minutes=1))
    answer = await SpoolTraffic(nats.url).ask_traffic("dom_1", [])

    assert answer.hosts == HostsTraffic(
        cdn_requests=3, api_requests=13, last_request_at=NOW + timedelta(minutes=1)
    )


async def test_a_domain_that_nobody_asked_has_no_requests(nats: NatsServer) -> None:
    answer = await SpoolTraffic(nats.url).ask_traffic("dom_1", [1])

    assert answer == TrafficAnswer(hosts=HostsTraffic(), undelivered=0)


async def test_totals_that_could_not_be_said_are_said_later(nats: NatsServer) -> None:
    meters = Meters(Part.API)
    ask(meters, 5)
    with pytest.raises(Unavailable):
        await say("nats://127.0.0.1:9", meters, now=NOW)
    await say(nats.url, meters, now=NOW)
    answer = await SpoolTraffic(nats.url).ask_traffic("dom_1", [])

    assert answer.hosts is not None
    assert answer.hosts.api_requests == 5


async def test_without_the_log_nothing_is_known() -> None:
    answer = await SpoolTraffic("nats://127.0.0.1:9").ask_traffic("dom_1", [1])

    assert answer == TrafficAnswer(hosts=None, undelivered=None)


def test_a_domain_that_does_not_drain_has_no_meter() -> None:
    assert Meters(Part.CDN).find("dom_1", is_draining=False) is None
