"""``firstparty demo``: the whole product on loopback, its story, and then it stays up."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console

from firstparty.config.addresses import ConfigError
from firstparty.config.settings import Settings
from firstparty.demo.installation import (
    Ports,
    choose_ports,
    prepare_state,
    write_settings,
)
from firstparty.demo.report import DemoReport
from firstparty.demo.story import Story, StoryFailed, Told
from firstparty.errors import Refused
from firstparty.serve.command import plan_installation
from firstparty.serve.directories import prepare_directories
from firstparty.serve.first_start import prepare_store
from firstparty.serve.metrics.front import serve_metrics
from firstparty.serve.processes import OUTSIDE_STOPS, Process, Role
from firstparty.serve.sockets import bind_socket
from firstparty.serve.supervisor import Supervisor
from firstparty.telemetry import configure_logs

DEFAULT_STATE: Final = Path("state/demo")
_REFRESH_SECONDS: Final = 1.0

# Where the outside world listens: its sockets by name, each with its port and kind.
_OUTSIDE: Final = {
    "outside-parent-udp": ("parent", socket.SOCK_DGRAM),
    "outside-parent-tcp": ("parent", socket.SOCK_STREAM),
    "outside-resolver": ("resolver", socket.SOCK_DGRAM),
    "outside-upstream": ("upstream", socket.SOCK_STREAM),
    "outside-shop": ("shop", socket.SOCK_STREAM),
}


def run_demo(*, state: Path | None, once: bool, authority: str) -> int:
    """Tell the story in ``state``; with ``once`` leave after it. 0 when all of it came true."""
    console = Console(highlight=False)
    place = (state or DEFAULT_STATE).resolve()
    try:
        prepare_state(place)
        return asyncio.run(Demo(place, console, authority=authority).run(once=once))
    except (Refused, ConfigError) as error:
        sys.stderr.write(f"firstparty demo: {error}\n")
        return 1


class Demo:
    """One demo: its installation, the outside world, the story."""

    def __init__(self, state: Path, console: Console, *, authority: str) -> None:
        """``authority`` is ``local`` or ``pebble``."""
        self._state = state
        self._console = console
        self._authority = authority
        self._started = time.perf_counter()

    async def run(self, *, once: bool) -> int:
        """Start everything, tell the story, and stay up unless ``once``; the exit code."""
        told = _listen_for_stop()
        configure_logs("demo", level="error")
        ports = choose_ports()
        file, settings = write_settings(self._state, ports, authority=self._authority)
        prepare_directories(settings)
        sockets = _bind_outside(ports)
        processes = await plan_installation(settings, tuple(Role), config=file)
        for process in processes:
            sockets |= {name: bind_socket(name, settings) for name in process.sockets}
        report = await self._open_report(file, settings, ports)
        supervisor = Supervisor(
            sockets, log_directory=self._state / "logs", on_change=report.set_pids
        )
        metrics = asyncio.create_task(serve_metrics(settings, supervisor))
        try:
            supervisor.start((_plan_outside(self._state, ports),))
            if self._authority == "pebble":
                await self._start_authority(supervisor, ports)
            supervisor.start(processes)
            return await self._tell_and_stay(report, told, once=once)
        finally:
            metrics.cancel()
            await supervisor.stop()
            report.set_pids({})
            for each in sockets.values():
                each.close()

    async def _start_authority(self, supervisor: Supervisor, ports: Ports) -> None:
        # Most demos have no use for what this loads.
        from firstparty.demo.authority import plan_authority  # noqa: PLC0415
        from firstparty.demo.pebble import write_roots  # noqa: PLC0415

        process, pebble = plan_authority(self._state, ports)
        supervisor.start((process,))
        await write_roots(pebble)

    async def _open_report(self, file: Path, settings: Settings, ports: Ports) -> DemoReport:
        first = await prepare_store(file, with_account=True)
        assert first is not None  # the state directory was empty
        return DemoReport(
            state=self._state,
            ports=ports,
            console={
                "url": f"http://{settings.console.listen}",
                "email": first.email,
                "password": first.password,
                "token": first.token,
            },
        )

    async def _tell_and_stay(self, report: DemoReport, told: asyncio.Event, *, once: bool) -> int:
        async with httpx.AsyncClient(
            base_url=report.console["url"],
            headers={"authorization": f"Bearer {report.console['token']}"},
            timeout=10,
        ) as call:
            story = Story(report=report, call=call, tell=self._tell)
            try:
                if not await _finish_first(story.run(), told):
                    return 0
            except StoryFailed as failed:
                self._console.print(f"[red]✗[/] {failed}")
                self._console.print(f"  logs: {self._state / 'logs'}")
                return 1
            seconds = time.perf_counter() - self._started
            self._console.print(f"\nThe whole story took {seconds:.1f} s.")
            if once:
                return 0
            self._say_where(report)
            await self._stay(story, told)
            return 0

    async def _stay(self, story: Story, told: asyncio.Event) -> None:
        while not told.is_set():
            with suppress(httpx.HTTPError, StoryFailed):  # control may be on its way back
                await story.refresh()
            with suppress(TimeoutError):
                async with asyncio.timeout(_REFRESH_SECONDS):
                    await told.wait()

    def _tell(self, line: Told) -> None:
        self._console.print(f"[green]✓[/] {line.text} [dim]{line.seconds:.2f} s[/]")

    def _say_where(self, report: DemoReport) -> None:
        web = report.domains[0]["sources"][0]
        edge = f"127.0.0.1:{report.ports.https}"
        host = report.domains[0]["cdn_host"]
        self._console.print(
            "Look around:\n"
            f"  shop page  http://localhost:{report.ports.shop}\n"
            f"  console    {report.console['url']}   "
            f"{report.console['email']}  {report.console['password']}\n"
            f"  script     curl --cacert {report.ca} --resolve {host}:{edge} {web['alias_url']}\n"
            f"  all of it  {report.file}\n\n"
            "Command line in another terminal:\n"
            f"  export FIRSTPARTY_URL={report.console['url']} "
            f"FIRSTPARTY_TOKEN={report.console['token']}\n"
            "  firstparty domains list\n",
            soft_wrap=True,
        )


async def _finish_first(story: Coroutine[None, None, None], told: asyncio.Event) -> bool:
    """Run the story, unless we are told to stop before its end: False then."""
    telling, stopping = asyncio.ensure_future(story), asyncio.ensure_future(told.wait())
    await asyncio.wait((telling, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not telling.done():
        telling.cancel()
        await asyncio.wait((telling,))
        return False
    await telling
    return True


def _plan_outside(state: Path, ports: Ports) -> Process:
    nameserver = f"127.0.0.1:{ports.nameserver}"
    program = (sys.executable, "-m", "firstparty.demo.outside")
    return Process(
        name="outside",
        roles=("outside-parent", "outside-upstream", "outside-shop"),
        command=(*program, "--state", str(state), "--nameserver", nameserver),
        sockets=tuple(_OUTSIDE),
        stop_rank=OUTSIDE_STOPS,
    )


def _bind_outside(ports: Ports) -> dict[str, socket.socket]:
    sockets = {}
    for name, (port, kind) in _OUTSIDE.items():
        sockets[name] = socket.socket(socket.AF_INET, kind)
        sockets[name].bind(("127.0.0.1", getattr(ports, port)))
        if kind is socket.SOCK_STREAM:
            sockets[name].listen(128)
    return sockets


def _listen_for_stop() -> asyncio.Event:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    return told
