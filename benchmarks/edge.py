"""A durable message through the whole HTTPS edge, beside Caddy's plain proxy, in one run.

The demo's Envoy, ingest process and nats-server run on core 0 as on a machine of one core, and so
do Caddy and the nginx that it proxies to, which answers ``return 200`` and stores nothing. h2load
sends messages of 1 KB from core 1 over TLS connections that are kept, HTTP/1.1 and HTTP/2. Rounds
are in turns; compare only within one run. CPU is that of all server processes of a side.

    python benchmarks/edge.py [--seconds 3] [--rounds 5] [--connections 64] [--floor]

``--floor`` adds Envoy with TLS and one route alone in front of that same nginx, and nginx with TLS
in front of our ingest: what Envoy costs at least, and what another front would.
"""

import argparse
import asyncio
import base64
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

REPOSITORY: Final = Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "benchmarks")]

from _edge_peers import (  # noqa: E402
    Side,
    running_bare_envoy,
    running_caddy,
    running_nginx,
    running_origin,
    write_pair,
)
from ingest import LOAD_CORE, SERVER_CORE, one_message  # noqa: E402

from firstparty.config.load import load_settings  # noqa: E402
from firstparty.config.settings import Settings  # noqa: E402
from firstparty.spool.log import join_log  # noqa: E402
from tests.running import RunningDemo, running_demo  # noqa: E402

PATH: Final = ("envoy", "ingest", "nats")  # what a message goes through


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round of load showed."""

    rate: float  # messages a second
    cpu_us: Mapping[str, float]  # a message, by what the servers are
    group: float  # messages a group; 0 where nothing is stored

    @property
    def total_us(self) -> float:
        """The CPU of all servers, a message."""
        return sum(self.cpu_us.values())


def count_groups(log_url: str) -> int:
    """How many groups the log has taken so far."""

    async def ask() -> int:
        log = await join_log(log_url)
        try:
            return (await log.state()).last
        finally:
            await log.close()

    return asyncio.run(ask())


def measure(side: Side, host: str, load: list[str], seconds: int, log_url: str) -> Round:
    """One round of load; CPU is what the servers used meanwhile."""
    groups = count_groups(log_url)
    before = {name: _used(servers) for name, servers in side.servers.items()}
    command = ["taskset", "-c", str(LOAD_CORE), "h2load", "-t1", f"-D{seconds}", *load]
    command += [f"--connect-to=127.0.0.1:{side.port}", f"https://{host}:{side.port}/v1/t"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    used = {name: _used(servers) - before[name] for name, servers in side.servers.items()}
    groups = count_groups(log_url) - groups
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if codes is None or any(int(codes[number]) for number in (2, 3, 4)) or not int(codes[1]):
        sys.exit(f"not every request was answered 200:\n{text}")
    messages = int(codes[1])
    return Round(
        rate=messages / seconds,
        cpu_us={name: cpu / messages * 1e6 for name, cpu in used.items()},
        group=messages / groups if side.is_durable else 0,
    )


def _used(servers: Sequence[psutil.Process]) -> float:
    return sum(sum(server.cpu_times()[:2]) for server in servers)


@contextlib.contextmanager
def running_on_one_core(folder: Path) -> Iterator[RunningDemo]:
    """A demo whose path of a message is made for one core and runs there; the rest is free."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        with running_demo(folder) as demo:
            os.sched_setaffinity(0, every)
            path = {one.pid for servers in find_path(demo).values() for one in servers}
            top = psutil.Process(demo.process.pid)
            for process in (top, *top.children(recursive=True)):
                if process.pid not in path:
                    for thread in process.threads():
                        os.sched_setaffinity(thread.id, every)
            yield demo
    finally:
        os.sched_setaffinity(0, every)


@contextlib.contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """Hold the forwarder: delivery is another benchmark's, and its records cost nats-server CPU."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def find_path(demo: RunningDemo) -> dict[str, list[psutil.Process]]:
    """What a message goes through, by role."""
    path: dict[str, list[psutil.Process]] = {role: [] for role in PATH}
    for role, pid in demo.report["pids"].items():
        if role.partition("-")[0] in path:
            path[role.partition("-")[0]].append(psutil.Process(pid))
    return path


@contextlib.contextmanager
def running_sides(
    demo: RunningDemo, settings: Settings, folder: Path, *, has_floor: bool
) -> Iterator[list[Side]]:
    """Caddy, the edge, and with ``has_floor`` the two others."""
    write_pair(folder, demo.domain["api_host"])
    path = find_path(demo)
    behind = {role: servers for role, servers in path.items() if role != "envoy"}
    edge = Side(name="edge", port=demo.https_port, servers=path, is_durable=True)
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(running_origin(folder))
        sides = [stack.enter_context(running_caddy(folder, origin)), edge]
        if has_floor:
            sockets = sorted(settings.run_directory.glob("ingest-*.sock"))
            sides.append(stack.enter_context(running_bare_envoy(folder, origin)))
            sides.append(stack.enter_context(running_nginx(folder, sockets, behind)))
        yield sides


def compare(
    sides: Sequence[Side],
    demo: RunningDemo,
    log_url: str,
    load: list[str],
    arguments: argparse.Namespace,
) -> None:
    """Run all sides in turn and print the figures."""
    seen: dict[str, list[Round]] = {side.name: [] for side in sides}
    for number in range(arguments.rounds + 1):
        for side in sides:
            host = demo.domain["api_host"]
            this = measure(side, host, load, arguments.seconds, log_url)
            if number > 0:  # the first is to get warm
                seen[side.name].append(this)
    caddy = seen["caddy"]
    for side in sides:
        rounds = seen[side.name]
        rate = statistics.median(
            one.rate / plain.rate for one, plain in zip(rounds, caddy, strict=True)
        )
        cost = statistics.median(
            one.total_us / plain.total_us for one, plain in zip(rounds, caddy, strict=True)
        )
        shares = ", ".join(
            f"{name} {statistics.median(one.cpu_us[name] for one in rounds):.0f}"
            for name in side.servers
        )
        group = f"; {statistics.median(one.group for one in rounds):.1f} messages a group"
        print(
            f"{side.name:13}{statistics.median(one.rate for one in rounds):7.0f}/s "
            f"{statistics.median(one.total_us for one in rounds):6.0f} CPU us a message ({shares})"
            f"{group if side.is_durable else ''}"
        )
        print(f"{'':13}to Caddy, medians of the rounds' ratios: rate {rate:.2f}, CPU {cost:.2f}")
    print()


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--floor", action="store_true")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="firstparty-bench-") as name,
        running_on_one_core(Path(name) / "demo") as demo,
    ):
        folder = Path(name)
        settings = load_settings(demo.state / "firstparty.toml", {})
        key = demo.source("javascript")["write_key"]
        authorization = base64.b64encode(f"{key}:".encode()).decode()
        (folder / "body").write_bytes(one_message())
        load = [f"-c{arguments.connections}", f"-d{folder}/body", "-H", "content-type: text/plain"]
        load += ["-H", f"authorization: Basic {authorization}"]
        with (
            stopped(psutil.Process(demo.report["pids"]["forward"])),
            running_sides(demo, settings, folder, has_floor=arguments.floor) as sides,
        ):
            for version, options in (("HTTP/1.1", ["--h1"]), ("HTTP/2", ["-m4"])):
                print(f"{version}, {arguments.connections} connections")
                compare(sides, demo, settings.spool.log_url, [*load, *options], arguments)


if __name__ == "__main__":
    main()
