"""kill -9 of every role at random under load: nothing that was acknowledged is lost.

The whole demo runs; visitors post batches through the HTTPS edge over connections that they keep.
Every few seconds one role, chosen by the seed, is killed, and killed again once it is back. In the
end every acknowledged message must be with the upstream. Those that are there twice are counted,
and how many of them the visitor had sent again itself, as an SDK does that gets no 200.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import ssl
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.running import RunningDemo, running_demo, trusting, until  # noqa: E402 - see above

VISITORS: Final = 8


class Load:
    """Visitors and what was acknowledged to them, by number of batch."""

    def __init__(self, demo: RunningDemo, *, batch: int, batches: int) -> None:
        self._host, self._port = demo.domain["api_host"], demo.https_port
        self._trust = trusting(demo.ca)
        key = demo.source("python")["write_key"]
        self._authorization = base64.b64encode(f"{key}:".encode()).decode()
        self._batch = batch
        self._left = iter(range(batches))
        self.acknowledged: list[int] = []
        self.refused: Counter[str] = Counter()
        self.broken = 0
        self.sent_again: set[int] = set()  # by the visitor itself, who had no 200 for it

    async def visit(self) -> None:
        """One visitor, until all batches are sent; a batch that got no answer is sent again."""
        number = next(self._left, None)
        while number is not None:
            with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(20):
                    reader, writer = await asyncio.open_connection(
                        "127.0.0.1", self._port, ssl=self._trust, server_hostname=self._host
                    )
                try:
                    while number is not None and await self._send(number, reader, writer):
                        number = next(self._left, None)
                finally:
                    writer.close()
            if number is not None:
                self.sent_again.add(number)
                self.broken += 1
                await asyncio.sleep(0.05)

    async def _send(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        messages = [
            {"type": "track", "event": "x", "userId": "u", "messageId": f"{number}.{index}"}
            for index in range(self._batch)
        ]
        body = json.dumps({"batch": messages}).encode()
        head = (
            f"POST /v1/batch HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Authorization: Basic {self._authorization}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        async with asyncio.timeout(20):
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        if answer.startswith(b"http/1.1 200"):
            self.acknowledged.append(number)
            return True
        self.refused[answer[9:12].decode()] += 1
        await asyncio.sleep(0.2)
        return False


async def kill_at_random(demo: RunningDemo, chance: random.Random, kills: Counter[str]) -> None:
    """Until cancelled."""
    while True:
        await asyncio.sleep(chance.uniform(0.5, 2.0))
        pids = demo.report["pids"]
        role = chance.choice(sorted(one for one in pids if not one.startswith("outside-")))
        with suppress(ProcessLookupError):
            os.kill(pids[role], 9)
            kills[role] += 1
        before = pids[role]
        with suppress(AssertionError):
            await asyncio.to_thread(until, lambda r=role, b=before: has_other_pid(demo, r, b))


def has_other_pid(demo: RunningDemo, role: str, before: int) -> bool:
    """Whether the supervisor has started the role anew."""
    return bool(demo.report["pids"].get(role, before) != before)


def count_received(received: Path) -> Counter[str]:
    """How often each message is with the upstream."""
    counts: Counter[str] = Counter()
    with received.open() as lines:
        for line in lines:
            counts[line.partition('"messageId":')[2].split('"', 2)[1]] += 1
    return counts


async def crash(demo: RunningDemo, arguments: argparse.Namespace) -> dict[str, object]:
    """Send, kill, and compare."""
    batches = arguments.messages // arguments.batch
    load = Load(demo, batch=arguments.batch, batches=batches)
    kills: Counter[str] = Counter()
    began = time.monotonic()
    killer = asyncio.create_task(kill_at_random(demo, random.Random(arguments.seed), kills))
    await asyncio.gather(*(load.visit() for _ in range(VISITORS)))
    killer.cancel()
    await asyncio.gather(killer, return_exceptions=True)
    sent_in = time.monotonic() - began
    wanted = {f"{n}.{i}" for n in load.acknowledged for i in range(arguments.batch)}
    received = Path(demo.report["upstream"]["received"])
    deadline, counts = time.monotonic() + arguments.wait, count_received(received)
    while not wanted <= counts.keys() and time.monotonic() < deadline:
        await asyncio.sleep(2)
        counts = count_received(received)
    twice = Counter({name: times - 1 for name, times in counts.items() if name in wanted})
    by_visitors = sum(
        times for name, times in twice.items() if int(name.partition(".")[0]) in load.sent_again
    )
    return {
        "seed": arguments.seed,
        "acknowledged": len(wanted),
        "lost": len(wanted - counts.keys()),
        "twice": twice.total(),
        "twice_of_what_visitors_sent_again": by_visitors,
        "kills": sum(kills.values()),
        "kills_by_role": dict(sorted(kills.items())),
        "refused": dict(load.refused),
        "broken_connections": load.broken,
        "sent_in_seconds": round(sent_in),
        "arrived_in_seconds": round(time.monotonic() - began),
    }


def main() -> None:
    """Run once and say what became of the messages; exits 1 if one was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wait", type=int, default=600, help="seconds for the last to arrive")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="firstparty-crash-") as folder,
        running_demo(Path(folder) / "demo") as demo,
    ):
        result = asyncio.run(crash(demo, arguments))
    print(json.dumps(result))
    sys.exit(1 if result["lost"] else 0)


if __name__ == "__main__":
    main()
