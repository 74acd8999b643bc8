"""The live tail: real log, forwarder, upstream and REST API."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from firstparty.api.tail import MAX_TAILS
from firstparty.config.settings import Settings, SpoolSettings
from firstparty.events.sample import MAX_SHOWN
from tests.events_rig import Workspace
from tests.forwarding import Forwarding, OutsideUpstream
from tests.served import Served, serve_api


@pytest.fixture
async def forwarding(tmp_path: Path) -> AsyncIterator[Forwarding]:
    forwarding = Forwarding(tmp_path)
    await forwarding.start()
    yield forwarding
    await forwarding.stop()


@pytest.fixture
def served(forwarding: Forwarding, tmp_path: Path) -> Iterator[Served]:
    directory = tmp_path / "api"
    directory.mkdir()
    with serve_api(directory, Settings(spool=SpoolSettings(url=forwarding.nats.url))) as served:
        yield served


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


class Tail:
    """One open tail; ``next`` gives its events in turn."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def begun(self) -> None:
        """Return when whatever is stored from now on will be seen."""
        async with asyncio.timeout(30):
            assert await anext(self._lines) == ": listening"

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(30):
            async for line in self._lines:
                if line.startswith("data: "):
                    event: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return event
        raise EOFError


@asynccontextmanager
async def tailing(workspace: Workspace, **query: str) -> AsyncIterator[Tail]:
    """A tail that has begun."""
    async with (
        httpx.AsyncClient(timeout=20, trust_env=False) as call,
        call.stream(
            "GET",
            f"{workspace.served.url}/api/v1/events/tail",
            params=query,
            headers={"Authorization": f"Bearer {workspace.token}"},
        ) as answer,
    ):
        tail = Tail(answer)
        if answer.is_success:
            await tail.begun()
        yield tail


async def test_a_message_is_seen_arriving_changed_and_delivered(
    forwarding: Forwarding, served: Served, stack: AsyncExitStack, tmp_path: Path
) -> None:
    upstream = OutsideUpstream(tmp_path / "a.ndjson", refuses="s1-000001")
    await stack.enter_async_context(upstream.running())
    workspace = Workspace(served, 1)
    forwarding.publish(1, upstream.url)
    await forwarding.spawn()
    await forwarding.append((1, 1))
    await forwarding.settled(1)
    async with tailing(workspace, source=workspace.sources[0]) as tail:
        await forwarding.append((1, 2))
        events = [await tail.next() for _ in range(4)]

    kind = tail.answer.headers["content-type"]
    assert kind.startswith("text/event-stream")
    seen = {one["body"]["messageId"]: one for one in events if one["event"] == "message"}
    fates = {one["id"]: one for one in events if one["event"] == "outcome"}
    assert list(seen) == ["s1-000001", "s1-000002"]
    dead, delivered = (fates[seen[name]["id"]] for name in seen)
    assert delivered["outcome"] == "delivered"
    assert dead["outcome"] == "dead"
    assert dead["reason"].startswith("refused upstream: 400")
    assert "timestamp set to the time of arrival" in seen["s1-000001"]["changes"]


async def test_a_flood_is_sampled_and_what_is_not_shown_is_counted(
    forwarding: Forwarding, served: Served
) -> None:
    workspace = Workspace(served, 1)
    async with tailing(workspace) as tail:
        for _ in range(10):
            await forwarding.append((1, 500))
        shown = told = unseen = 0
        while shown + told < 5_000:
            event = await tail.next()
            if event["event"] == "message":
                shown += 1
            elif event["event"] == "skipped":
                told += event["messages"]
                unseen += event["groups"]

    assert unseen == 0
    assert shown + told == 5_000
    assert shown <= MAX_SHOWN * 10


async def test_more_than_a_look_can_read_is_passed_over_and_counted_in_groups(
    forwarding: Forwarding, served: Served
) -> None:
    workspace = Workspace(served, 1)
    async with tailing(workspace) as tail:
        await asyncio.gather(*(forwarding.append((1, 1)) for _ in range(400)))
        messages = groups = 0
        while messages + groups < 400:
            event = await tail.next()
            messages += event["event"] == "message"
            if event["event"] == "skipped":
                messages += event["messages"]
                groups += event["groups"]

    assert messages + groups == 400


async def test_nobody_sees_the_messages_of_another_workspace(
    forwarding: Forwarding, served: Served
) -> None:
    _owner, other = Workspace(served, 1), Workspace(served, 1)
    async with tailing(other) as tail:
        await forwarding.append((1, 1), (2, 1))
        event = await tail.next()

    assert event["source_id"] == other.sources[0]
    answer = await other.ask("GET", "/events/tail", params={"source": _owner.sources[0]})
    assert answer.status_code == 404


async def test_tails_are_bounded_and_make_room_when_they_end(
    forwarding: Forwarding, served: Served
) -> None:
    del forwarding
    workspace = Workspace(served, 1)
    async with AsyncExitStack() as tails:
        await asyncio.gather(
            *(tails.enter_async_context(tailing(workspace)) for _ in range(MAX_TAILS))
        )
        refused = await workspace.ask("GET", "/events/tail")
    async with asyncio.timeout(30):
        while True:
            async with tailing(workspace) as tail:
                if tail.answer.status_code == 200:
                    break
            await asyncio.sleep(0.1)

    assert refused.status_code == 429
    assert refused.json()["code"] == "too-many-tails"


async def test_a_tail_of_a_log_that_is_away_is_503(forwarding: Forwarding, served: Served) -> None:
    workspace = Workspace(served, 1)
    await forwarding.nats.kill()
    answer = await workspace.ask("GET", "/events/tail")
    await forwarding.nats.start()

    assert answer.status_code == 503


async def test_the_command_line_prints_one_event_a_line(
    forwarding: Forwarding, served: Served
) -> None:
    workspace = Workspace(served, 1)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firstparty", "events", "tail", "--json"),
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "FIRSTPARTY_URL": served.url,
            "FIRSTPARTY_TOKEN": workspace.token,
        },
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = asyncio.create_task(process.stdout.readline())
    while not line.done():  # until it has begun, nothing is shown
        await forwarding.append((1, 1))
        await asyncio.wait([line], timeout=0.2)
    process.terminate()
    await process.wait()

    assert json.loads(line.result())["event"] == "message"
