"""The machine's clock is set, hours forth and back, while messages come in and go out.

Nothing is lost or given up, nobody stalls, and what was sent says the right time upstream.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from firstparty.forward.ledger import Account
from tests.fakes.set_clock import SetClock
from tests.forward_rig import a_forwarding
from tests.forwarding import ROOM, Forwarding
from tests.ingest_process import ingest_process
from tests.ingest_rig import a_request, basic
from tests.ingest_role import Client, eventually

pytestmark = [
    pytest.mark.needs("faketime"),
    pytest.mark.optional_toolchain,  # not every system can load a library into a program
]
HOST = "api.cdp.shop.test"
# Slower than that is no machine, and no step is shorter.
NEARLY = timedelta(minutes=20)
HOUR = timedelta(hours=1)
NOWHERE = timedelta()


class Upstream:
    """A tracking API with a clock that is right: it moves timestamps as Segment does."""

    def __init__(self) -> None:
        self.refusal: dict[str, Any] | None = None  # the answer while it takes nothing
        self.refused = 0
        self.ids: list[str] = []
        self.times: dict[str, datetime] = {}  # the timestamp that it comes to
        self.said: dict[str, datetime] = {}  # the one that we said

    async def take(self, request: web.Request) -> web.Response:
        now = datetime.now(UTC)
        if self.refusal is not None:
            self.refused += 1
            return web.Response(**self.refusal)
        body = await request.json()
        sent_at = datetime.fromisoformat(body["sentAt"])
        for message in body["batch"]:
            stamp = datetime.fromisoformat(message["timestamp"])
            self.ids.append(message["messageId"])
            self.said[message["messageId"]] = stamp
            self.times[message["messageId"]] = now - (sent_at - stamp)
        return web.json_response({"success": True})

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/v1/batch", self.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield "http://127.0.0.1:{1}".format(*runner.addresses[0])
        finally:
            await runner.cleanup()


class Visitor:
    """Sends messages and remembers when each happened, by a clock that is right."""

    def __init__(self, client: Client, name: str, *, source: int = 1) -> None:
        self._client, self._name = client, name
        self._key = basic(f"WK{source}")
        self.happened: dict[str, datetime] = {}

    @property
    def ids(self) -> list[str]:
        return list(self.happened)

    async def send(self, count: int) -> list[str]:
        """Send so many, one after the other; every other one bears its time."""
        start = len(self.happened)
        for number in range(start, start + count):
            identifier, now = f"{self._name}-{number}", datetime.now(UTC)
            message = {"event": "e", "userId": "u", "messageId": identifier}
            if number % 2:
                message |= {"timestamp": now.isoformat(), "sentAt": now.isoformat()}
            self.happened[identifier] = now
            await self._until_taken(json.dumps(message).encode())
        return self.ids[start:]

    async def _until_taken(self, body: bytes) -> None:
        request = a_request(body=body, host=HOST, authorization=self._key)
        while (answer := await self._client.ask(request)).status != 200:
            assert answer.json["code"] == "starting"
            await asyncio.sleep(0.05)


class World:
    """Both roles as processes whose clock is set, and an upstream whose clock is right."""

    def __init__(self, clock: SetClock, forwarding: Forwarding, upstream: Upstream) -> None:
        self.clock, self.forwarding, self.upstream = clock, forwarding, upstream

    async def until_taken(self, ids: list[str]) -> None:
        await eventually(lambda: ids[-1] in self.upstream.times)

    def errors(self, visitor: Visitor, ids: list[str]) -> list[timedelta]:
        """How far the times that upstream came to are from when the messages happened."""
        return [abs(self.upstream.times[one] - visitor.happened[one]) for one in ids]

    def clocks_seen(self, visitor: Visitor) -> set[int]:
        """How many hours the clock was wrong by that gave messages their time."""
        bare = visitor.ids[::2]  # these did not say their own
        return {round((self.upstream.said[one] - visitor.happened[one]) / HOUR) for one in bare}


@contextlib.asynccontextmanager
async def a_world(folder: Path, *, first_upstream: str = "") -> AsyncIterator[tuple[World, Client]]:
    clock, upstream = SetClock(folder), Upstream()
    async with upstream.serving() as url, a_forwarding(folder) as forwarding:
        forwarding.publish(1, first_upstream or url)
        forwarding.publish(2, url)
        async with ingest_process(
            folder,
            store_url=forwarding.store_url,
            log_url=forwarding.nats.url,
            log_max_bytes=ROOM,
            environment=clock.environment,
        ) as ingest:
            await forwarding.spawn(expire_after_days=1, environment=clock.environment)
            client = await ingest.connect()
            yield World(clock, forwarding, upstream), client
            await client.close()


async def test_while_the_clock_is_set_messages_go_on_in_order_and_at_their_time(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path) as (world, client):
        visitor = Visitor(client, "v")
        await world.until_taken(await visitor.send(10))
        second = timedelta(seconds=1)
        for wrong_by in (3 * HOUR, -2 * HOUR, 80 * HOUR, -5 * HOUR, *((second, -second) * 3)):
            world.clock.set(wrong_by)
            await world.until_taken(await visitor.send(10))
        ledger = await settled(world, visitor)

    assert world.upstream.ids == visitor.ids
    assert max(world.errors(visitor, visitor.ids)) < NEARLY
    # Control: it was the clock of these processes that was set.
    assert world.clocks_seen(visitor) == {0, 3, -2, 80, -5}
    assert (ledger.accepted, ledger.delivered) == (len(visitor.ids),) * 2


async def test_what_waits_while_the_clock_is_set_is_neither_given_up_nor_moved(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path) as (world, client):
        visitor = Visitor(client, "v")
        world.upstream.refusal = {"status": 429, "headers": {"retry-after": "1"}}
        await visitor.send(10)
        await eventually(lambda: world.upstream.refused > 0)
        for wrong_by in (80 * HOUR, -80 * HOUR, 3 * HOUR, NOWHERE):
            world.clock.set(wrong_by)
            before = world.upstream.refused
            await visitor.send(10)
            # Whatever was too old at the first of two tries has been given up by the second.
            await eventually(lambda b=before: world.upstream.refused > b + 1)
        world.upstream.refusal = None
        await world.until_taken(await visitor.send(10))
        ledger = await settled(world, visitor)

    assert world.upstream.ids == visitor.ids
    assert (ledger.accepted, ledger.delivered, ledger.expired) == (len(visitor.ids),) * 2 + (0,)
    # What came by a clock that was behind looks as if it had waited since.
    behind = slice(20, 30)
    right = [one for one in visitor.ids if one not in visitor.ids[behind]]
    assert max(world.errors(visitor, right)) < NEARLY


async def test_an_upstream_that_says_until_when_to_wait_is_not_asked_sooner_by_a_wrong_clock(
    tmp_path: Path,
) -> None:
    busy = Upstream()
    now = datetime.now(UTC)
    busy.refusal = {
        "status": 429,
        "headers": {
            "date": format_datetime(now, usegmt=True),
            "retry-after": format_datetime(now + timedelta(minutes=4), usegmt=True),
        },
    }
    async with busy.serving() as url, a_world(tmp_path, first_upstream=url) as (world, client):
        visitor, other = Visitor(client, "v"), Visitor(client, "w", source=2)
        world.clock.set(3 * HOUR)
        await visitor.send(10)
        await eventually(lambda: busy.refused > 0)
        for _ in range(20):
            await world.until_taken(await other.send(1))
            await asyncio.sleep(0.1)
        asked = busy.refused
        busy.refusal = None
        world.forwarding.publish(1, f"{url}/")  # a source that is changed is tried at once
        await eventually(lambda: visitor.ids[-1] in busy.times)

    assert asked == 1
    assert busy.ids == visitor.ids


async def settled(world: World, visitor: Visitor) -> Account:
    """The ledger's account of the visitor's source, once it has all outcomes."""
    async with asyncio.timeout(60):
        while True:
            account = (await world.forwarding.ledger()).account(1)
            if account.delivered + account.expired + account.dead >= len(visitor.ids):
                return account
            await asyncio.sleep(0.05)
