"""Starts processes, starts them again when they die, and stops them in order.

A process that dies is back at once; one that keeps dying waits longer each time, by a table, and
the wait is forgotten after a while of good life. Linux ends the children with the supervisor.
"""

import asyncio
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from firstparty.serve import sockets as handed
from firstparty.serve.processes import NAME_VARIABLE, Process
from firstparty.telemetry import Log

# Pause before the n-th restart in a row, in seconds. The first is at once: most deaths are one-off.
RESTART_PAUSES: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_GOOD_LIFE_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 10.0
_REQUEST_SECONDS: Final = 0.5
# glibc keeps a heap for each of many threads; two are enough for ours and take far less memory.
_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "2"}
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


class Supervisor:
    """Runs processes until it is told to stop."""

    def __init__(
        self,
        sockets: Mapping[str, socket.socket],
        *,
        log_directory: Path | None = None,
        on_change: Callable[[Mapping[str, int]], None] = lambda _pids: None,
    ) -> None:
        """``on_change`` is told all pids, by role, whenever a process starts.

        With a ``log_directory`` each process writes to a file there, otherwise to our stderr.
        """
        self._sockets = sockets
        self._log_directory = log_directory
        self._on_change = on_change
        self._log = Log("supervisor")
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._processes: dict[str, Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._is_stopping = False

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that should be running."""
        return tuple(role for process in self._processes.values() for role in process.roles)

    @property
    def pids(self) -> dict[str, int]:
        """The pid of every role that is running; roles of one process share its pid."""
        return {
            role: self._running[name].pid
            for name, process in self._processes.items()
            if name in self._running
            for role in process.roles
        }

    @property
    def alive(self) -> dict[str, int]:
        """As ``pids``, without those that have died and wait to be started again."""
        dead = {child.pid for child in self._running.values() if child.returncode is not None}
        return {role: pid for role, pid in self.pids.items() if pid not in dead}

    def start(self, processes: Sequence[Process]) -> None:
        """Start these processes and keep them running."""
        for process in processes:
            self._processes[process.name] = process
            self._keepers[process.name] = asyncio.create_task(self._keep(process))

    async def wait(self) -> None:
        """Wait until every keeper has ended; that is after ``stop``."""
        await asyncio.gather(*self._keepers.values())

    async def stop(self) -> None:
        """End the processes, front to back, so that what was taken in is finished."""
        self._is_stopping = True
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        ranks = {process.stop_rank for process in self._processes.values()}
        for rank in sorted(ranks):
            leaving = [
                self._running.pop(name)
                for name, process in self._processes.items()
                if process.stop_rank == rank and name in self._running
            ]
            for child in leaving:
                if child.returncode is None:
                    child.terminate()
            await asyncio.gather(*(self._wait_or_kill(child) for child in leaving))

    async def _wait_or_kill(self, child: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await child.wait()
        except TimeoutError:
            self._log.warning("process.killed", pid=child.pid, reason="did not stop in time")
            child.kill()
            await child.wait()

    async def _keep(self, process: Process) -> None:
        deaths = 0
        while not self._is_stopping:
            started = time.monotonic()
            code = await self._run(process)
            if time.monotonic() - started > _GOOD_LIFE_SECONDS:
                deaths = 0
            pause = RESTART_PAUSES[min(deaths, len(RESTART_PAUSES) - 1)]
            deaths += 1
            self._log.warning(
                "process.died", process=process.name, code=code, restart_in_seconds=pause
            )
            await asyncio.sleep(pause)

    async def _run(self, process: Process) -> int | str:
        """One life of a process: its exit code, or why it could not start."""
        try:
            child = await self._spawn(process)
        except OSError as error:
            return str(error)
        self._running[process.name] = child
        self._on_change(self.pids)
        heeding = asyncio.create_task(self._heed_requests(process, child))
        try:
            return await child.wait()
        finally:
            heeding.cancel()

    async def _heed_requests(self, process: Process, child: asyncio.subprocess.Process) -> None:
        """End a process when another asks for its restart; requests before its start are old."""
        request = process.restart_request
        if request is None:
            return
        request.unlink(missing_ok=True)
        while True:
            await asyncio.sleep(_REQUEST_SECONDS)
            if request.exists():
                break
        self._log.warning("process.restart_asked_for", process=process.name, pid=child.pid)
        child.terminate()
        await self._wait_or_kill(child)

    async def _spawn(self, process: Process) -> asyncio.subprocess.Process:
        environment = {**_ENVIRONMENT, **os.environ, **process.environment}
        descriptors = [self._sockets[name].fileno() for name in process.sockets]
        environment[NAME_VARIABLE] = process.name
        environment[handed.VARIABLE] = handed.describe_sockets(self._sockets, process.sockets)
        output = self._open_log(process)
        try:
            child = await asyncio.create_subprocess_exec(
                *process.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                pass_fds=descriptors,
                start_new_session=True,  # a person's Ctrl-C is for the supervisor alone
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        finally:
            if output is not None:
                os.close(output)
        self._log.info("process.started", process=process.name, pid=child.pid)
        return child

    def _open_log(self, process: Process) -> int | None:
        if self._log_directory is None:
            return None
        self._log_directory.mkdir(parents=True, exist_ok=True)
        file = self._log_directory / f"{process.name}.log"
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Runs in the child before exec: the kernel ends it when the supervisor is gone."""
    assert _libc is not None
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
