"""A backlog drained into a local upstream, beside a plain client that posts the same batches.

The forwarder runs as in production: from a real nats-server, at-least-once, with its ledger. The
peer has the batches in memory and posts them one after the other with aiohttp, which is the least
that delivery over HTTP can cost. Both post to the same sink, in turns. CPU is that of the sending
process alone; the log server's is printed beside it.

    python benchmarks/forward.py [--messages 40000] [--rounds 3] [--singles]
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Any, NamedTuple

import aiohttp
import msgspec
import psutil

sys.path.insert(0, str(File(__file__).parents[1]))
from firstparty.forward.batch import build_batch
from firstparty.forward.ledger import OutcomeRecord, SourceTotals
from firstparty.model.messages import Path
from firstparty.spool.entries import encode_group
from firstparty.spool.outcomes import Outcomes
from tests.forwarding import Forwarding, an_entry
from tests.nats_server import free_port

BATCH = 100
GROUP = 32
SINK = """
import asyncio, sys
from aiohttp import web
async def take(request):
    await request.read()
    return web.json_response({"success": True})
app = web.Application(client_max_size=2**20)
app.router.add_post("/v1/batch", take)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""
PEER = """
import asyncio, os, pathlib, sys, time, aiohttp
async def main():
    cpu, began = sum(os.times()[:2]), time.perf_counter()
    body = pathlib.Path(sys.argv[2]).read_bytes()
    async with aiohttp.ClientSession() as session:
        for _ in range(int(sys.argv[3])):
            async with session.post(
                sys.argv[1], data=body, headers={"Content-Type": "application/json"}
            ) as answer:
                await answer.read()
    print(sum(os.times()[:2]) - cpu, time.perf_counter() - began)
asyncio.run(main())
"""


class Round(NamedTuple):
    """CPU in microseconds a message, and messages a second."""

    cpu_us: float
    rate: float
    nats_us: float = 0.0


def a_message(number: int) -> dict[str, Any]:
    """A track message of about 1 KB as a browser sends it."""
    return {
        "type": "track",
        "event": "Product Viewed",
        "timestamp": "2026-11-21T23:00:00.000Z",
        "messageId": f"ajs-next-1795302000000-{number:036d}",
        "anonymousId": "5f0e9c4e-8a3d-4d53-9d0e-6f0e6a0b7c21",
        "context": {
            "page": {"path": "/p/1", "title": "A product", "url": "https://shop.example/p/1"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0",
            "locale": "en-US",
            "library": {"name": "analytics.js", "version": "npm:next-1.81.0"},
        },
        "properties": {"id": "1", "name": "x" * 350, "price": 12.5, "list": [1, 2, 3]},
        "integrations": {"Segment.io": True},
    }


async def fill(forwarding: Forwarding, messages: int, *, singles: bool) -> None:
    """Append a backlog for source 1."""
    sent_at = "2026-11-21T23:00:00.100Z"
    for start in range(0, messages, BATCH * GROUP):
        numbers = range(start, min(start + BATCH * GROUP, messages))
        bodies = [a_message(number) for number in numbers]
        if singles:
            entries = [an_entry(1, body | {"sentAt": sent_at}, path=Path.TRACK) for body in bodies]
        else:
            cuts = range(0, len(bodies), BATCH)
            entries = [
                an_entry(1, {"batch": bodies[at : at + BATCH], "sentAt": sent_at}) for at in cuts
            ]
        size = GROUP if singles else 8
        for at in range(0, len(entries), size):
            await forwarding.log.append(encode_group(entries[at : at + size]))


async def measure_forwarder(forwarding: Forwarding, target: int) -> Round:
    """Start a forwarder, let it drain what is there, end it. From its first record to its last."""
    outcomes = Outcomes(forwarding.log)
    nats = psutil.Process(forwarding.nats.process.pid)
    process = await forwarding.spawn()
    seen = psutil.Process(process.pid)
    started: tuple[int, float, float, float] | None = None
    before = await read_delivered(outcomes)
    while (delivered := await read_delivered(outcomes)) < target:
        if started is None and delivered > before:
            started = delivered, time.perf_counter(), cpu_of(seen), cpu_of(nats)
        await asyncio.sleep(0.02)
    assert started is not None, "raise --messages: it was over before the first look"
    count = target - started[0]
    wall = time.perf_counter() - started[1]
    cpu, nats_cpu = cpu_of(seen) - started[2], cpu_of(nats) - started[3]
    await forwarding.kill(process)
    return Round(cpu / count * 1e6, count / wall, nats_cpu / count * 1e6)


async def read_totals(outcomes: Outcomes) -> SourceTotals:
    """What the last record says of source 1; cheap, for it is asked often."""
    last = await outcomes.last()
    record = msgspec.msgpack.decode(last.data, type=OutcomeRecord) if last else None
    found = [totals for totals in record.sources if totals.source == 1] if record else []
    return found[0] if found else SourceTotals(1, 0, 0, 0, (0, 0, 0))


async def read_delivered(outcomes: Outcomes) -> int:
    """How much of source 1 the last record says was delivered."""
    return (await read_totals(outcomes)).delivered


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds of a process so far."""
    return sum(process.cpu_times()[:2])


async def measure_peer(url: str, body: File, messages: int, batch: int) -> Round:
    """Post as many messages in ready batches."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PEER, f"{url}/v1/batch", str(body), str(messages // batch)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    cpu, wall = map(float, output.split())
    return Round(cpu / messages * 1e6, messages / wall)


@contextlib.asynccontextmanager
async def a_sink(port: int = 0) -> AsyncIterator[str]:
    """The upstream, as a process of its own, on this port or a free one."""
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SINK, str(port))
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(20):
            while True:
                try:
                    async with session.post(f"{url}/v1/batch", data=b"{}"):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def main() -> None:
    """Print what both cost, round by round, and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=120_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--singles", action="store_true", help="a request a message, as browsers")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")
    ours, peers = [], []
    with tempfile.TemporaryDirectory() as folder:
        ready = File(folder) / "batch.json"
        bodies = [json.dumps(a_message(n), separators=(",", ":")).encode() for n in range(500)]
        ready.write_bytes(build_batch(bodies, sent_at=datetime.now(UTC), write_key="WK1"))
        forwarding = Forwarding(File(folder))
        await forwarding.start()
        try:
            async with a_sink() as url:
                forwarding.publish(1, url, source_type="javascript")
                for number in range(1, options.rounds + 1):
                    await fill(forwarding, options.messages, singles=options.singles)
                    ours.append(await measure_forwarder(forwarding, number * options.messages))
                    peers.append(await measure_peer(url, ready, options.messages, 500))
                    print(f"forwarder {ours[-1].cpu_us:6.1f} us CPU a message ", end="")
                    print(f"(log server {ours[-1].nats_us:.1f}), {ours[-1].rate:9,.0f}/s; ", end="")
                    print(f"plain client {peers[-1].cpu_us:6.1f} us, {peers[-1].rate:9,.0f}/s")
        finally:
            await forwarding.stop()
    cpu, peer = (statistics.median(one.cpu_us for one in side) for side in (ours, peers))
    print(f"{1e6 / cpu:,.0f} messages per CPU second; CPU ratio {cpu / peer:.1f}")


if __name__ == "__main__":
    asyncio.run(main())
