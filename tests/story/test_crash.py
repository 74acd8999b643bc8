"""kill -9 of each role under load: every message that was answered 200 arrives upstream."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load import Load, find_lost, is_back
from tests.running import RunningDemo, running_demo, until

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


async def _kill_under_load(demo: RunningDemo, load: Load) -> dict[str, int]:
    sent_after: dict[str, int] = {}
    visitors = [asyncio.create_task(load.visit()) for _ in range(VISITORS)]
    try:
        for role in ROLES:
            await load.grow(100)
            before = demo.report["pids"][role]
            os.kill(before, 9)
            await asyncio.to_thread(until, lambda r=role, b=before: is_back(demo, r, b))
            done = len(load.acknowledged)
            await load.grow(100)
            sent_after[role] = len(load.acknowledged) - done
    finally:
        for visitor in visitors:
            visitor.cancel()
        await asyncio.gather(*visitors, return_exceptions=True)
    return sent_after


async def test_every_acknowledged_message_arrives_whichever_role_is_killed(
    demo: RunningDemo,
) -> None:
    load = Load(demo, "crash")
    sent_after = await _kill_under_load(demo, load)
    received = Path(demo.report["upstream"]["received"])
    await asyncio.to_thread(until, lambda: not find_lost(load.acknowledged, received), seconds=60)

    assert set(sent_after) == set(ROLES)
    assert load.failures > 0  # the kills were felt
    # The search for losses finds one when there is one.
    assert find_lost([*load.acknowledged, "crash-never-sent"], received) == {"crash-never-sent"}
