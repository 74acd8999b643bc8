"""kill -9 of each role under load: every message that was answered 200 arrives upstream."""

import asyncio
import base64
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from tests.running import RunningDemo, running_demo, trusting, until

VISITORS = 16
ROLES = (
    "ingest",
    "forward",
    "nats",
    "envoy",
    "ads",
    "cdn",
    "nameserver",
    "control",
    "reconciler",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("crash") / "demo") as running:
        yield running


class Load:
    """Visitors that send one message after the other and remember what was answered 200."""

    def __init__(self, demo: RunningDemo) -> None:
        self._host = demo.domain["api_host"]
        self._port = demo.https_port
        self._trust = trusting(demo.ca)
        key = demo.source("javascript")["write_key"]
        self._authorization = base64.b64encode(f"{key}:".encode()).decode()
        self._numbers = count()
        self.acknowledged: list[str] = []
        self.failures = 0

    async def visit(self) -> None:
        """One visitor: a connection until it breaks, then another, until cancelled."""
        while True:
            with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(10):
                    reader, writer = await asyncio.open_connection(
                        "127.0.0.1", self._port, ssl=self._trust, server_hostname=self._host
                    )
                try:
                    while await self._send(reader, writer):
                        pass
                finally:
                    writer.close()
            self.failures += 1
            await asyncio.sleep(0.05)

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        name = f"crash-{next(self._numbers)}"
        body = json.dumps({"type": "track", "event": "x", "userId": "u", "messageId": name})
        writer.write(
            f"POST /v1/t HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Authorization: Basic {self._authorization}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        async with asyncio.timeout(15):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        if head.startswith(b"http/1.1 200"):
            self.acknowledged.append(name)
        return b"connection: close" not in head


async def _kill_under_load(demo: RunningDemo, load: Load) -> dict[str, int]:
    sent_after: dict[str, int] = {}
    visitors = [asyncio.create_task(load.visit()) for _ in range(VISITORS)]
    try:
        for role in ROLES:
            await _grow(load, 100)
            before = demo.report["pids"][role]
            os.kill(before, 9)
            await asyncio.to_thread(until, lambda r=role, b=before: _is_back(demo, r, b))
            done = len(load.acknowledged)
            await _grow(load, 100)
            sent_after[role] = len(load.acknowledged) - done
    finally:
        for visitor in visitors:
            visitor.cancel()
        await asyncio.gather(*visitors, return_exceptions=True)
    return sent_after


async def _grow(load: Load, more: int) -> None:
    wanted = len(load.acknowledged) + more
    async with asyncio.timeout(30):
        while len(load.acknowledged) < wanted:
            await asyncio.sleep(0.02)


def _is_back(demo: RunningDemo, role: str, before: int) -> bool:
    return demo.report["pids"].get(role, before) != before


def _find_lost(acknowledged: list[str], received: Path) -> set[str]:
    lines = received.read_text().splitlines()
    there = {json.loads(line)["message"]["messageId"] for line in lines}
    return set(acknowledged) - there


@pytest.mark.timeout(240)
async def test_every_acknowledged_message_arrives_whichever_role_is_killed(
    demo: RunningDemo,
) -> None:
    load = Load(demo)
    sent_after = await _kill_under_load(demo, load)
    received = Path(demo.report["upstream"]["received"])
    await asyncio.to_thread(until, lambda: not _find_lost(load.acknowledged, received), seconds=60)

    assert set(sent_after) == set(ROLES)
    assert load.failures > 0  # the kills were felt
    # The search for losses finds one when there is one.
    assert _find_lost([*load.acknowledged, "crash-never-sent"], received) == {"crash-never-sent"}
