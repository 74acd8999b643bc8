"""A large backlog drains while ingest goes on: how long, and what it does to ingest's latency.

One nats-server, one ingest process, one forwarder and a local upstream, as in a small installation;
nothing is pinned. Visitors send single messages at a steady rate all the time. First nothing waits;
then a backlog of messages lies in the log (put there in batches of 100 while the forwarder was
away) and drains. The figure is the ratio of ingest's latencies, from request to answer, during
the drain and before it, in one run.

    python benchmarks/backlog.py [--messages 1000000] [--rate 500] [--seconds 15]
"""

import argparse
import asyncio
import base64
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "benchmarks")]

from _ingest_process import HOST, LOG_BYTES, WRITE_KEY  # noqa: E402 - see above
from forward import a_message, a_sink, read_delivered  # noqa: E402
from ingest import PROCESS, free_port, one_message  # noqa: E402

from firstparty.spool.entries import encode_group  # noqa: E402
from firstparty.spool.outcomes import Outcomes  # noqa: E402
from tests.forwarding import Forwarding, an_entry  # noqa: E402

VISITORS = 16
BATCH, BATCHES = 100, 8  # messages in an entry, entries in a group


class Ingest(NamedTuple):
    """An ingest process."""

    port: int
    pid: int


class Visitors:
    """Requests at a steady rate over connections that are kept, and how long each took."""

    def __init__(self, port: int, rate: float) -> None:
        self._port = port
        self._pause = VISITORS / rate
        self.seconds: list[float] = []
        body = one_message()
        authorization = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
        self._request = (
            f"POST /v1/t HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Basic {authorization}\r\n"
            f"x-real-ip: 203.0.113.9\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body

    async def _visit(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        due = time.perf_counter()
        while True:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            began = time.perf_counter()
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            await reader.readexactly(len(b'{"success": true}'))
            self.seconds.append(time.perf_counter() - began)
            due = max(due + self._pause, began)

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Visit meanwhile."""
        async with asyncio.TaskGroup() as tasks:
            visits = [tasks.create_task(self._visit()) for _ in range(VISITORS)]
            yield
            for visit in visits:
                visit.cancel()

    def take(self, what: str) -> tuple[float, float]:
        """Median and 99th percentile so far, in milliseconds; begin anew."""
        cuts = statistics.quantiles(self.seconds, n=100)
        count, self.seconds = len(self.seconds), []
        print(
            f"{what:22}{count:8} requests  p50 {cuts[49] * 1e3:7.2f}  p99 {cuts[98] * 1e3:7.2f} ms"
        )
        return cuts[49], cuts[98]


@contextlib.asynccontextmanager
async def an_ingest(folder: Path, log_url: str) -> AsyncIterator[Ingest]:
    """One ingest process, which keeps its things in ``folder``."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROCESS), str(port), str(folder), log_url, env=environment
    )
    try:
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield Ingest(port, process.pid)
    finally:
        process.kill()
        await process.wait()


async def fill(forwarding: Forwarding, messages: int) -> None:
    """Put a backlog into the log."""
    size = BATCH * BATCHES
    for start in range(0, messages, size):
        bodies = [a_message(number) for number in range(start, min(start + size, messages))]
        entries = [
            an_entry(1, {"batch": bodies[at : at + BATCH], "sentAt": "2026-11-21T23:00:00.100Z"})
            for at in range(0, len(bodies), BATCH)
        ]
        await forwarding.log.append(encode_group(entries))


async def until_delivered(outcomes: Outcomes, target: int) -> None:
    """Wait until so many messages were handed on."""
    while await read_delivered(outcomes) < target:  # noqa: ASYNC110 - another process delivers
        await asyncio.sleep(0.1)


async def measure(forwarding: Forwarding, port: int, options: argparse.Namespace) -> None:
    """Before and during, on standard output."""
    outcomes = Outcomes(forwarding.log)
    visitors = Visitors(port, options.rate)
    process = await forwarding.spawn()
    async with visitors.sending():
        await asyncio.sleep(3)
        visitors.seconds.clear()
        await asyncio.sleep(options.seconds)
        before = visitors.take("nothing waits")
    await until_delivered(outcomes, 1)
    await forwarding.kill(process)
    delivered = await read_delivered(outcomes)
    began = time.perf_counter()
    await fill(forwarding, options.messages)
    print(f"{options.messages} messages stored in {time.perf_counter() - began:.0f} s")
    async with visitors.sending():
        began = time.perf_counter()
        await forwarding.spawn()
        await until_delivered(outcomes, delivered + options.messages)
        took = time.perf_counter() - began
        during = visitors.take("the backlog drains")
    print(f"drained in {took:.1f} s, {options.messages / took:,.0f} messages a second")
    p50, p99 = (one / other for one, other in zip(during, before, strict=True))
    print(f"latency during to before: p50 {p50:.2f}, p99 {p99:.2f}")


async def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=500, help="requests a second")
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="firstparty-bench-") as folder:
        forwarding = Forwarding(Path(folder), max_bytes=LOG_BYTES)
        (Path(folder) / "ingest").mkdir()
        await forwarding.start()
        try:
            async with (
                a_sink() as url,
                an_ingest(Path(folder) / "ingest", forwarding.nats.url) as ingest,
            ):
                forwarding.publish(1, url, source_type="javascript")
                await measure(forwarding, ingest.port, options)
        finally:
            await forwarding.stop()


if __name__ == "__main__":
    asyncio.run(main())
