"""Each role stopped (SIGSTOP) and woken late, and another killed meanwhile: nothing is lost.

A role that hangs is worse than one that is dead: nobody starts it anew, and what it was at goes on
when it wakes up, after others have gone on without it.
"""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.load import Load, find_lost, is_back
from tests.running import RunningDemo, running_demo, until

VISITORS = 8


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("stopped") / "demo") as running:
        yield running


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Until the end of the block this process does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # the supervisor may have replaced it
            os.kill(pid, signal.SIGCONT)


def list_roles(demo: RunningDemo) -> list[str]:
    """One role of each process of the product."""
    pids = demo.report["pids"]
    return sorted(
        {pid: role for role, pid in pids.items() if not role.startswith("outside-")}.values()
    )


def account_of(demo: RunningDemo) -> dict[str, int]:
    """The ledger of the source that the load goes to."""
    source = demo.source("javascript")["id"]
    with demo.rest() as rest:
        answer = rest.get("/api/v1/events/ledger", params={"source": source}, timeout=60)
    (account,) = answer.raise_for_status().json()["items"]
    return account


def is_even(account: dict[str, int]) -> bool:
    """Whether nothing waits; fails where the numbers do not add up."""
    fates = sum(account[name] for name in ("delivered", "waiting", "dead", "expired"))
    assert account["accepted"] == fates - account["replayed"]
    return account["waiting"] == 0


async def acknowledged_after(load: Load, more: int) -> None:
    wanted = len(load.acknowledged) + more
    async with asyncio.timeout(90):
        while len(load.acknowledged) < wanted:
            await asyncio.sleep(0.05)


async def refused_after(load: Load) -> None:
    seen = len(load.refused) + load.failures
    async with asyncio.timeout(90):
        while len(load.refused) + load.failures == seen:
            await asyncio.sleep(0.05)


@pytest.mark.timeout(400)
async def test_every_acknowledged_message_arrives_whichever_role_hangs(demo: RunningDemo) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    received = Path(demo.report["upstream"]["received"])
    load = Load(demo, "stopped")
    visitors = [asyncio.create_task(load.visit()) for _ in range(VISITORS)]
    try:
        await acknowledged_after(load, 100)
        roles = list_roles(demo)
        for role in chance.sample(roles, k=len(roles)):
            with stopped(demo.report["pids"][role]):
                other = chance.choice([one for one in roles if one != role])
                killed = demo.report["pids"][other]
                os.kill(killed, signal.SIGKILL)
                await asyncio.to_thread(until, lambda r=other, k=killed: is_back(demo, r, k))
            await acknowledged_after(load, 50)
        with stopped(demo.report["pids"]["forward"]):
            await acknowledged_after(load, 50)
            waiting = find_lost(load.acknowledged, received)
        with stopped(demo.report["pids"]["nats"]):
            await refused_after(load)
            before = len(load.acknowledged)
            await refused_after(load)
            after = len(load.acknowledged)
        await acknowledged_after(load, 50)
    finally:
        for visitor in visitors:
            visitor.cancel()
        await asyncio.gather(*visitors, return_exceptions=True)
    await asyncio.to_thread(until, lambda: not find_lost(load.acknowledged, received), seconds=90)
    await asyncio.to_thread(until, lambda: is_even(account_of(demo)), seconds=90)
    account = account_of(demo)

    # Controls: what is stopped stops what it does, or this test would try nothing.
    assert waiting
    assert after == before
    assert account["accepted"] >= len(load.acknowledged)
    assert account["delivered"] == account["accepted"]
    assert find_lost([*load.acknowledged, "stopped-never-sent"], received) == {"stopped-never-sent"}
