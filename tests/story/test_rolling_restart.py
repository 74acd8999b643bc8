"""Ingest is restarted, one process after the other, under load: nobody is refused anything."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from tests.load import Load, find_lost, is_back
from tests.running import RunningDemo, until

VISITORS = 16
ROUNDS = 2
H2_REQUESTS = 300  # in one go, over a few connections with several streams each


class Http2Load:
    """Requests over HTTP/2, go after go, until it is over; what h2load says of each."""

    def __init__(self, demo: RunningDemo, folder: Path) -> None:
        body = folder / "body.json"
        body.write_text(json.dumps({"writeKey": demo.source("python")["write_key"], "event": "x"}))
        asked = ("-n", str(H2_REQUESTS), "-c", "4", "-m", "4", "-d", str(body))
        edge = f"--connect-to=127.0.0.1:{demo.https_port}"
        self._command = ("h2load", *asked, edge, f"{demo.api_origin}/v1/track")
        self.said: list[str] = []
        self.is_over = False

    async def send(self) -> None:
        while not self.is_over:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdout=asyncio.subprocess.PIPE
            )
            said, _ = await process.communicate()
            self.said.append(said.decode())

    def find_refused(self) -> list[str]:
        """Of the goes, those in which not every request got a 2xx over HTTP/2."""
        all_taken = f"status codes: {H2_REQUESTS} 2xx, 0 3xx, 0 4xx, 0 5xx"
        wanted = ("Application protocol: h2", all_taken)
        return [said for said in self.said if any(line not in said for line in wanted)]


@pytest.mark.needs("h2load")
async def test_restarting_every_ingest_process_refuses_no_request(
    demo: RunningDemo, tmp_path: Path
) -> None:
    load, http2 = Load(demo, "rolling"), Http2Load(demo, tmp_path)
    roles = [role for role in demo.report["pids"] if role.partition("-")[0] == "ingest"]
    visitors = [asyncio.create_task(load.visit()) for _ in range(VISITORS)]
    sending = asyncio.create_task(http2.send())
    try:
        for role in roles * ROUNDS:
            await load.grow(200)
            before = demo.report["pids"][role]
            os.kill(before, signal.SIGTERM)
            await asyncio.to_thread(until, lambda r=role, b=before: is_back(demo, r, b))
            await load.grow(200)
    finally:
        http2.is_over = True
        for visitor in visitors:
            visitor.cancel()
        await asyncio.gather(sending, *visitors, return_exceptions=True)
    received = Path(demo.report["upstream"]["received"])
    await asyncio.to_thread(until, lambda: not find_lost(load.acknowledged, received), seconds=60)

    assert load.refused == []
    assert load.failures == 0
    assert http2.said
    assert http2.find_refused() == []
