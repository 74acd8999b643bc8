"""The test message of a probe: onto the disk like any other, and into nobody's data."""

import asyncio

from msgspec.structs import replace

from firstparty.model.hosts import PROBE_AGENT
from firstparty.reconciler.edge_probe import build_message
from firstparty.spool.entries import encode_group
from tests.dispatching import World
from tests.forwarding import an_entry
from tests.ingest_rig import Rig, a_feed_entry, a_request, an_edge_domain

MESSAGE = build_message("WKWEB")


async def test_it_is_answered_once_it_is_on_disk() -> None:
    rig = Rig()
    answer = await rig.ask_once(a_request(target="/v1/batch", body=MESSAGE))

    assert (answer.status, answer.body) == (200, b'{"success": true}')
    assert [entry.body for entry in rig.appender.entries] == [MESSAGE]


async def test_it_does_not_keep_a_domain_that_drains() -> None:
    rig = Rig()
    domain = replace(an_edge_domain(), is_draining=True)
    rig.write_keys.apply([a_feed_entry(domain, revision=2)])
    meter = rig.write_keys.meters.find(domain.id, is_draining=True)
    assert meter is not None
    await rig.ask_once(a_request(target="/v1/batch", body=MESSAGE, User_Agent=PROBE_AGENT))
    after_probe = meter.requests
    await rig.ask_once(a_request(target="/v1/batch", body=MESSAGE, User_Agent="sdk/1"))

    assert (after_probe, meter.requests) == (0, 1)


async def test_it_counts_as_no_message_and_is_sent_nowhere() -> None:
    world = World()
    await world.log.append(encode_group([an_entry(1, {"batch": []})]))
    await world.append([(1, ["good-1"])])
    truncated = asyncio.Event()
    ledger = await world.forward_until(lambda ledger: ledger.account(1).delivered == 1)
    task = asyncio.create_task(world.forward_until(lambda _: truncated.is_set()))
    while await world.log.read(after=0):
        await asyncio.sleep(0)
    truncated.set()
    await task

    assert world.upstream.taken == ["good-1"]
    assert (ledger.account(1).accepted, ledger.account(1).dead) == (1, 0)
