"""An upstream that is away until some gigabytes wait: what a message takes on disk, and in memory.

One nats-server, one ingest process and one forwarder, as in a small installation; nothing listens
where the upstream should be. Visitors send batches of 100 and single messages of 1 KB until so
much is stored. Then nats-server and the forwarder are killed and started again, and at last the
upstream comes back and takes it all. The peer is a plain file with the same bodies in it, which is
what the messages are without any log around them. From the ratio follows what an outage of 72
hours at 1,000 messages a second takes, and every count must be equal at the end.

    python benchmarks/outage.py [--gigabytes 3]
"""

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

import psutil

REPOSITORY: Final = Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "benchmarks")]

from _ingest_process import HOST, LOG_BYTES, WRITE_KEY  # noqa: E402 - see above
from backlog import an_ingest  # noqa: E402
from forward import a_message, a_sink, read_totals  # noqa: E402
from ingest import free_port  # noqa: E402

from firstparty.errors import Unavailable  # noqa: E402
from firstparty.spool.outcomes import Outcomes  # noqa: E402
from tests.forwarding import Forwarding  # noqa: E402

VISITORS: Final = 16
BATCH: Final = 100
SINGLES: Final = 10  # after each batch, by the same visitor
GIGABYTE: Final = 1e9
OUTAGE_SECONDS: Final = 72 * 3_600
OUTAGE_RATE: Final = 1_000


class Held(NamedTuple):
    """What the upstream has not had yet."""

    messages: int
    body_bytes: int


class Visitor:
    """One connection that is kept; batches and singles in turns, each with ids of its own."""

    def __init__(self, numbers: "itertools.count[int]") -> None:
        self._numbers = numbers
        self._head = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
        self.messages = self.body_bytes = 0

    async def send(self, port: int, until: asyncio.Event) -> None:
        """Until the event is set; every answer must be a 200."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not until.is_set():
            batch = [a_message(next(self._numbers)) for _ in range(BATCH)]
            body = json.dumps({"batch": batch}, separators=(",", ":")).encode()
            await self._post(reader, writer, "/v1/batch", body, messages=BATCH)
            for _ in range(SINGLES):
                body = json.dumps(a_message(next(self._numbers)), separators=(",", ":")).encode()
                await self._post(reader, writer, "/v1/track", body, messages=1)
        writer.close()

    async def _post(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        path: str,
        body: bytes,
        *,
        messages: int,
    ) -> None:
        writer.write(
            f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Basic {self._head}\r\n"
            f"x-real-ip: 203.0.113.9\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        await reader.readexactly(len(b'{"success": true}'))
        self.messages += messages
        self.body_bytes += len(body)


class Memory:
    """The most resident memory of each process, in MB, since it was last asked."""

    def __init__(self, **processes: psutil.Process) -> None:
        self._processes = processes
        self._most = dict.fromkeys(processes, 0.0)

    async def watch(self) -> None:
        """Look four times a second, until cancelled."""
        while True:
            for name, process in self._processes.items():
                with contextlib.suppress(psutil.Error):
                    self._most[name] = max(self._most[name], process.memory_info().rss / 1e6)
            await asyncio.sleep(0.25)

    def take(self, what: str) -> None:
        """Print it, and begin anew."""
        print(f"{what:34}", ", ".join(f"{n} {most:.0f} MB" for n, most in self._most.items()))
        self._most = dict.fromkeys(self._processes, 0.0)


def disk_bytes(folder: Path) -> int:
    """What the files below take on disk; those that go meanwhile are passed over."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                size += (Path(parent) / name).stat().st_blocks * 512
    return size


async def until_accepted(forwarding: Forwarding, messages: int) -> None:
    """Wait until the ledger has so many."""
    outcomes = Outcomes(forwarding.log)
    while (await read_totals(outcomes)).accepted < messages:  # noqa: ASYNC110 - another process counts
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def watching(memory: Memory) -> AsyncIterator[None]:
    """Watch memory meanwhile."""
    task = asyncio.create_task(memory.watch())
    try:
        yield
    finally:
        task.cancel()


async def store(port: int, store_folder: Path, gigabytes: float, memory: Memory) -> Held:
    """Visit until so much lies on disk."""
    numbers, is_enough = itertools.count(), asyncio.Event()
    visitors = [Visitor(numbers) for _ in range(VISITORS)]
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for visitor in visitors:
            tasks.create_task(visitor.send(port, is_enough))
        for tenth in range(1, 11):
            wanted = gigabytes * GIGABYTE * tenth / 10
            while disk_bytes(store_folder) < wanted:  # noqa: ASYNC110 - a disk fills
                await asyncio.sleep(0.25)
            if tenth in {1, 5, 10}:
                memory.take(f"memory, {tenth * 10} % stored")
        is_enough.set()
    held = Held(sum(v.messages for v in visitors), sum(v.body_bytes for v in visitors))
    took = time.perf_counter() - began
    print(f"{held.messages} messages ({held.body_bytes / GIGABYTE:.2f} GB) stored in {took:.0f} s")
    return held


async def measure(forwarding: Forwarding, folder: Path, gigabytes: float) -> None:
    """All of it, on standard output."""
    upstream_port = free_port()
    forwarding.publish(1, f"http://127.0.0.1:{upstream_port}", source_type="javascript")
    store_folder = folder / "nats"
    (folder / "ingest").mkdir()
    process = await forwarding.spawn()
    async with an_ingest(folder / "ingest", forwarding.nats.url) as ingest:
        memory = Memory(
            nats_server=psutil.Process(forwarding.nats.process.pid),
            ingest=psutil.Process(ingest.pid),
            forwarder=psutil.Process(process.pid),
        )
        async with watching(memory):
            held = await store(ingest.port, store_folder, gigabytes, memory)
            began = time.perf_counter()
            await until_accepted(forwarding, held.messages)
            print(f"counted and put on the shelf {time.perf_counter() - began:.0f} s later")
            memory.take("memory, all of it waits")
    size = disk_bytes(store_folder)
    a_message_takes = size / held.messages
    print(
        f"on disk: {size / GIGABYTE:.2f} GB, {a_message_takes:.0f} bytes a message; "
        f"to a plain file with the bodies: {size / held.body_bytes:.3f}"
    )
    hours = a_message_takes * OUTAGE_RATE * OUTAGE_SECONDS / GIGABYTE
    print(f"72 hours at 1,000 messages a second: {hours:.0f} GB")
    await forwarding.kill(process)
    await forwarding.nats.kill()
    began = time.perf_counter()
    await forwarding.nats.start()
    while not await is_there(forwarding):  # noqa: ASYNC110 - another process starts
        await asyncio.sleep(0.02)
    print(f"nats-server killed: answers again after {time.perf_counter() - began:.2f} s")
    process = await forwarding.spawn()
    memory = Memory(
        nats_server=psutil.Process(forwarding.nats.process.pid),
        forwarder=psutil.Process(process.pid),
    )
    async with a_sink(upstream_port), watching(memory):
        began = time.perf_counter()
        first: float | None = None
        while (now := await read_totals(Outcomes(forwarding.log))).delivered < held.messages:
            first = first or (time.perf_counter() - began if now.delivered else None)
            await asyncio.sleep(0.1)
        took = time.perf_counter() - began
    print(f"forwarder started again: delivers after {first or took:.1f} s, all after {took:.0f} s")
    memory.take("memory, all of it drains")
    assert (now.accepted, now.dead, now.expired) == (held.messages, 0, 0), now
    print(f"accepted {now.accepted} = delivered {now.delivered}; disk {disk_bytes(store_folder)} B")


async def is_there(forwarding: Forwarding) -> bool:
    """Whether the log answers."""
    try:
        await forwarding.log.state()
    except Unavailable:
        return False
    return True


async def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=3)
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="firstparty-bench-") as name:
        folder = Path(name)
        forwarding = Forwarding(folder, max_bytes=LOG_BYTES)
        await forwarding.start()
        try:
            await measure(forwarding, folder, options.gigabytes)
        finally:
            await forwarding.stop()


if __name__ == "__main__":
    asyncio.run(main())
