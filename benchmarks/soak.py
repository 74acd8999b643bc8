"""Whether memory stays where it is: the whole demo under a steady load, for half an hour or more.

Visitors post batches of 10 messages through the HTTPS edge over connections that they keep, and the
upstream takes everything. Each ten seconds every process' resident memory is noted; behind the
warm-up a line is fitted through it. Its slope, in MB an hour, is what a role grows by, give or take
twice its standard error. The slope of the last third says whether it settles: a leak goes on.

    python benchmarks/soak.py [--minutes 32] [--warm 8] [--rate 100]
"""

import argparse
import base64
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple, Self

import psutil

REPOSITORY: Final = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.running import RunningDemo, running_demo, trusting  # noqa: E402 - see above

BATCH: Final = 10
VISITORS: Final = 4
SAMPLE_SECONDS: Final = 10.0


class Slope(NamedTuple):
    """How a role's memory goes, in MB and MB an hour."""

    first: float
    last: float
    hourly: float
    error: float  # standard error of ``hourly``


class Load:
    """Visitors at a steady rate, and how many messages they were told are stored."""

    def __init__(self, demo: RunningDemo, *, rate: float) -> None:
        self._demo = demo
        self._pause = BATCH * VISITORS / rate
        self._is_over = threading.Event()
        self.counts = [0] * VISITORS
        self._threads = [
            threading.Thread(target=self._visit, args=(number,), daemon=True)
            for number in range(VISITORS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)

    def _visit(self, visitor: int) -> None:
        demo = self._demo
        host = demo.domain["api_host"]
        key = demo.source("python")["write_key"]
        headers = {
            "Host": f"{host}:{demo.https_port}",
            "Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode(),
        }
        connection = http.client.HTTPSConnection(
            host, demo.https_port, context=trusting(demo.ca), timeout=30
        )
        # The name in the handshake is the host's, which no resolver here knows.
        connection._create_connection = lambda _, *more, **named: _connect(demo, *more, **named)  # type: ignore[attr-defined]  # noqa: SLF001
        due = time.monotonic()
        while not self._is_over.wait(max(0.0, due - time.monotonic())):
            due += self._pause
            number = self.counts[visitor]
            messages = [
                {
                    "type": "track",
                    "event": "Order Completed",
                    "anonymousId": f"{visitor}.{number}",
                    "messageId": f"{visitor}.{number + place}",
                    "properties": {"note": "x" * 600, "total": place},
                }
                for place in range(BATCH)
            ]
            body = json.dumps({"batch": messages})
            connection.request("POST", "/v1/batch", body=body, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == http.HTTPStatus.OK:
                self.counts[visitor] += BATCH


def _connect(demo: RunningDemo, *more: object, **named: object) -> object:
    return http.client.socket.create_connection(  # type: ignore[attr-defined]
        ("127.0.0.1", demo.https_port), *more, **named
    )


def fit(points: list[tuple[float, float]]) -> Slope:
    """A line through seconds and MB (least squares)."""
    times, sizes = zip(*points, strict=True)
    slope, start = statistics.linear_regression(times, sizes)
    middle = statistics.fmean(times)
    spread = sum((at - middle) ** 2 for at in times)
    rest = sum((size - start - slope * at) ** 2 for at, size in points)
    error = (rest / (len(points) - 2) / spread) ** 0.5
    return Slope(sizes[0], sizes[-1], slope * 3600, error * 3600)


def watch(demo: RunningDemo, seconds: float) -> dict[str, list[tuple[float, float]]]:
    """Every process' seconds since the start and resident MB."""
    names: dict[int, str] = {}
    for role, pid in demo.report["pids"].items():  # some roles share a process
        names[pid] = f"{names[pid]}+{role}" if pid in names else role
    roles = {name: psutil.Process(pid) for pid, name in names.items()}
    seen: dict[str, list[tuple[float, float]]] = {role: [] for role in roles}
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        for role, process in roles.items():
            seen[role].append((now, process.memory_info().rss / 1024**2))
        time.sleep(SAMPLE_SECONDS)
    return seen


def main() -> None:
    """Run, and print a line for each role."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=32)
    parser.add_argument("--warm", type=float, default=8, help="minutes that are not counted")
    parser.add_argument("--rate", type=float, default=100, help="messages a second")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="firstparty-bench-") as folder,
        running_demo(Path(folder) / "demo") as demo,
        Load(demo, rate=options.rate) as load,
    ):
        seen = watch(demo, options.minutes * 60)
        sent = sum(load.counts)
    total = 0.0
    print(f"{sent} messages in {options.minutes:g} minutes, load {os.getloadavg()[0]:.1f}")
    print(f"{'process':34}{'MB':>8}{'at end':>8}{'MB/h':>8}{'+-':>6}{'last third':>12}{'+-':>6}")
    for role, points in seen.items():
        counted = [point for point in points if point[0] >= options.warm * 60]
        line, end = fit(counted), fit(counted[-len(counted) // 3 :])
        total += line.hourly
        print(
            f"{role:34}{line.first:8.1f}{line.last:8.1f}{line.hourly:8.2f}{2 * line.error:6.2f}",
            end="",
        )
        print(f"{end.hourly:12.2f}{2 * end.error:6.2f}")
    print(f"all together {total:.2f} MB/h")


if __name__ == "__main__":
    main()
