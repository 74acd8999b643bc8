"""Which source a number stands for."""

import asyncio
from datetime import timedelta

import msgspec

from firstparty.forward.directory import SourceDirectory
from firstparty.model.feed import EdgeDomain, EdgeSource, FeedEntry, Topic

SOURCE = EdgeSource(
    id="src_1",
    number=7,
    type="python",
    write_key="WK",
    alias="a/b",
    upstream="https://upstream.test",
)
DOMAIN = EdgeDomain(
    id="dom_1",
    workspace="wsp_1",
    name="cdp.shop.test",
    cdn_host="evs.cdp.shop.test",
    api_host="api.cdp.shop.test",
    sources=(SOURCE,),
)


async def test_who_waits_for_the_feed_goes_on_once_it_has_come() -> None:
    directory = SourceDirectory()
    waiting = asyncio.create_task(directory.wait_until_filled(within=timedelta(hours=1)))
    await asyncio.sleep(0)
    was_done = waiting.done()
    body = msgspec.json.encode(DOMAIN)
    directory.apply([FeedEntry(topic=Topic.EDGE, key="dom_1", revision=1, body=body)])
    await waiting

    assert not was_done
    assert directory.find(7) == SOURCE


async def test_who_waits_for_a_feed_that_does_not_come_goes_on_without() -> None:
    directory = SourceDirectory()
    await directory.wait_until_filled(within=timedelta(0))

    assert directory.find(7) is None
