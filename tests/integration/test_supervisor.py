"""Processes under the supervisor: restarted when one of them asks for it."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from firstparty.serve.processes import Process
from firstparty.serve.supervisor import Supervisor

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


async def eventually(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_true():
            await asyncio.sleep(0.02)


async def test_a_process_is_started_anew_where_its_restart_is_asked_for(tmp_path: Path) -> None:
    request = tmp_path / "restart-it"
    request.touch()  # an old one, from before its start
    asked = Process(name="asked", roles=("asked",), command=SLEEP, restart_request=request)
    other = Process(name="other", roles=("other",), command=SLEEP)
    supervisor = Supervisor({}, log_directory=tmp_path / "logs")
    supervisor.start([asked, other])
    await eventually(lambda: len(supervisor.pids) == 2 and not request.exists())
    before = supervisor.pids

    request.touch()
    await eventually(lambda: supervisor.pids["asked"] != before["asked"])
    await eventually(lambda: not request.exists())
    after = supervisor.pids
    await supervisor.stop()

    assert after["other"] == before["other"]
