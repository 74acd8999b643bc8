"""One source sends far more than its share, one upstream is dead, one is slow: nobody else waits.

All by counts: an upstream lets a source's requests through when the test says so, and no more.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator

from aiohttp import web

from tests.forward_rig import running
from tests.forwarding import Forwarding
from tests.ingest_rig import Answer, a_request, basic
from tests.ingest_role import Client, Role, eventually

HOST = "api.cdp.shop.test"
LOUD, QUIET, DEAD, SLOW = 1, 2, 3, 4
# What the loud one's upstream answers before the test says that it may go on. With the request
# that waits for its turn then, it is all that anybody else can find between two of their own.
FOREIGN = 2
ROUNDS = 40


class GatedUpstream:
    """Takes batches; the requests of some sources only as far as they are let through."""

    def __init__(self) -> None:
        self.gates: dict[str, asyncio.Semaphore] = {}
        self.dead: set[str] = set()  # their connections are closed without an answer
        self.batches: defaultdict[str, set[str]] = defaultdict(set)  # by their first message
        self.ids: defaultdict[str, list[str]] = defaultdict(list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.json()
        key, ids = body["writeKey"], [message["messageId"] for message in body["batch"]]
        self.batches[key].add(ids[0])
        if key in self.dead:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if key in self.gates:
            await self.gates[key].acquire()
        if request.transport is not None:  # who asked, waits for the answer still
            self.ids[key] += ids
        return web.json_response({"success": True})

    def open(self) -> None:
        """Let everybody through from now on."""
        self.dead.clear()
        for gate in self.gates.values():
            for _ in range(1_000):
                gate.release()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application(client_max_size=1024**2)
        app.router.add_post("/v1/batch", self.take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield "http://127.0.0.1:{1}".format(*runner.addresses[0])
        finally:
            self.open()
            await runner.cleanup()


class Visitors:
    """Who sends to one source, and what was answered."""

    def __init__(self, client: Client, source: int) -> None:
        self._client, self._source = client, source
        self._sent = 0
        self.acknowledged: list[str] = []
        self.refusals: list[Answer] = []

    async def leave(self) -> None:
        await self._client.close()

    async def send(self, count: int) -> None:
        """So many messages, one after the other."""
        for _ in range(count):
            identifier = f"s{self._source}-{self._sent}"
            self._sent += 1
            body = json.dumps({"event": "e", "userId": "u", "messageId": identifier}).encode()
            key = basic(f"WK{self._source}")
            answer = await self._client.ask(a_request(body=body, host=HOST, authorization=key))
            if answer.status == 200:
                self.acknowledged.append(identifier)
            else:
                self.refusals.append(answer)


@contextlib.asynccontextmanager
async def an_ingest(forwarding: Forwarding) -> AsyncIterator[Role]:
    role = Role(forwarding.folder, forwarding.nats.url, forwarding.store)
    role.start()
    known = a_request(body=b'{"userId":"u"}', host=HOST, authorization=basic("WK9"))
    await role.until(known, 200)
    yield role
    await role.stop()
    role.listener.close()


async def test_the_others_are_all_taken_and_delivered_while_one_floods_and_two_upstreams_fail(
    forwarding: Forwarding,
) -> None:
    shared, dead, slow = GatedUpstream(), GatedUpstream(), GatedUpstream()
    shared.gates["WK1"] = asyncio.Semaphore(FOREIGN - 1)
    dead.dead.add("WK3")
    slow.gates["WK4"] = asyncio.Semaphore(0)
    async with shared.serving() as url, dead.serving() as dead_url, slow.serving() as slow_url:
        forwarding.publish(LOUD, url, messages_per_second=2)
        forwarding.publish(QUIET, url, messages_per_second=1_000)
        forwarding.publish(DEAD, dead_url)
        forwarding.publish(SLOW, slow_url)
        forwarding.publish(9, url)
        async with an_ingest(forwarding) as role, running(forwarding):
            everybody = {
                number: Visitors(await role.connect(), number)
                for number in (LOUD, QUIET, DEAD, SLOW)
            }
            for _ in range(ROUNDS):
                await asyncio.gather(
                    everybody[LOUD].send(25),
                    *(everybody[number].send(5) for number in (QUIET, DEAD, SLOW)),
                )
                last = everybody[QUIET].acknowledged[-1]
                await eventually(lambda last=last: last in shared.ids["WK2"])
            foreign = len(shared.batches["WK1"])
            shared.open()
            dead.open()
            slow.open()
            forwarding.publish(DEAD, f"{dead_url}/")  # what has changed is tried at once
            for number, visitors in everybody.items():
                forwarding.appended[number] = visitors.acknowledged
                await visitors.leave()
            ledger = await forwarding.settled(*everybody, seconds=120)

    for number in (QUIET, DEAD, SLOW):
        assert len(everybody[number].acknowledged) == 5 * ROUNDS
    assert foreign <= FOREIGN
    for number, upstream in ((LOUD, shared), (QUIET, shared), (DEAD, dead), (SLOW, slow)):
        assert upstream.ids[f"WK{number}"] == everybody[number].acknowledged
        account = ledger.account(number)
        assert account.accepted == account.delivered == len(everybody[number].acknowledged)
    # Controls: one was refused what is over its limit, and the others' upstreams were no good.
    assert everybody[LOUD].refusals
    for answer in everybody[LOUD].refusals:
        assert (answer.status, answer.json["code"]) == (429, "rate_limited")
        assert int(answer.headers["retry-after"]) >= 1
    assert dead.batches["WK3"]
    assert slow.batches["WK4"]


async def test_a_backlog_of_one_source_keeps_no_other_waiting(forwarding: Forwarding) -> None:
    upstream = GatedUpstream()
    upstream.gates["WK1"] = asyncio.Semaphore(FOREIGN - 1)
    async with upstream.serving() as url:
        forwarding.publish(LOUD, url)
        forwarding.publish(QUIET, url)
        for _ in range(100):
            await forwarding.append((LOUD, 1_000))
        await forwarding.append((QUIET, 3))
        async with running(forwarding):
            await eventually(lambda: len(upstream.ids["WK2"]) == 3)
            for _ in range(20):
                await forwarding.append((LOUD, 100), (QUIET, 3), (LOUD, 100))
                wanted = len(forwarding.appended[QUIET])
                await eventually(lambda n=wanted: len(upstream.ids["WK2"]) == n)
            foreign = len(upstream.batches["WK1"])
            upstream.open()
            ledger = await forwarding.settled(LOUD, QUIET)

    assert foreign <= FOREIGN
    assert upstream.ids["WK1"] == forwarding.appended[LOUD]
    assert upstream.ids["WK2"] == forwarding.appended[QUIET]
    assert ledger.account(LOUD).delivered == len(forwarding.appended[LOUD])
    # Control: by itself it would have been a matter of many more requests.
    assert len(upstream.batches["WK1"]) > 10 * FOREIGN
