"""Ingest is restarted, one process after the other, under load: nobody is refused anything."""

import asyncio
import os
import signal
from pathlib import Path

from tests.load import Load, find_lost, is_back
from tests.running import RunningDemo, until

VISITORS = 16
ROUNDS = 2


async def test_restarting_every_ingest_process_refuses_no_request(demo: RunningDemo) -> None:
    load = Load(demo, "rolling")
    roles = [role for role in demo.report["pids"] if role.partition("-")[0] == "ingest"]
    visitors = [asyncio.create_task(load.visit()) for _ in range(VISITORS)]
    try:
        for role in roles * ROUNDS:
            await load.grow(200)
            before = demo.report["pids"][role]
            os.kill(before, signal.SIGTERM)
            await asyncio.to_thread(until, lambda r=role, b=before: is_back(demo, r, b))
            await load.grow(200)
    finally:
        for visitor in visitors:
            visitor.cancel()
        await asyncio.gather(*visitors, return_exceptions=True)
    received = Path(demo.report["upstream"]["received"])
    await asyncio.to_thread(until, lambda: not find_lost(load.acknowledged, received), seconds=60)

    assert load.refused == []
    assert load.failures == 0
