"""The power goes while messages are delivered: what was recorded as delivered is there, once.

Log, outcome records and files are on one disk, of which a copy is made while all its writers are
stopped; a webhook is another machine, which goes on.
"""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from firstparty.forward.ledger import Ledger
from tests.fakes.loop_disk import LoopDisk, loop_disk
from tests.files_rig import need_parquet, rows_of
from tests.forwarding import SECRET, Forwarding, first_sightings

pytestmark = pytest.mark.optional_toolchain  # a container may not mount
HOOK, NDJSON, PARQUET = SOURCES = (1, 2, 3)


class Receiver:
    """A webhook that keeps what is signed."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        body = Webhook(SECRET).verify(await request.text(), dict(request.headers))
        self.ids += [message["messageId"] for message in body["batch"]]
        return web.Response()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application(client_max_size=1024**2)
        app.router.add_post("/", self.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield "webhook+http://127.0.0.1:{1}/".format(*runner.addresses[0])
        finally:
            await runner.cleanup()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, megabytes=128) as disk:
        yield disk


@asynccontextmanager
async def a_forwarding_to(disk: LoopDisk, hook: str) -> AsyncIterator[Forwarding]:
    """A log and a feed on this disk, and a forwarder that delivers to the hook and to files."""
    forwarding = Forwarding(disk.path)
    await forwarding.start()
    try:
        forwarding.publish(HOOK, hook)
        forwarding.publish(NDJSON, "files:ndjson")
        forwarding.publish(PARQUET, "files:parquet")
        yield forwarding
    finally:
        await forwarding.stop()


def written(folder: Path) -> list[str]:
    """The ids in a source's files, in order; in the part, those of whole lines."""
    found: list[str] = []
    for file in sorted(folder.iterdir()) if folder.exists() else ():
        if file.suffix == ".part":
            lines = file.read_bytes().split(b"\n")[:-1]
            found += [json.loads(line)["messageId"] for line in lines]
        else:
            found += rows_of(file)
    return found


def arrived(forwarding: Forwarding, receiver: Receiver) -> dict[int, list[str]]:
    folders = {number: forwarding.files / f"src_{number}" for number in (NDJSON, PARQUET)}
    return {HOOK: list(receiver.ids)} | {n: written(folder) for n, folder in folders.items()}


def recorded(ledger: Ledger, appended: dict[int, list[str]]) -> dict[int, list[str]]:
    """The ids that the records say are delivered: delivery is in order."""
    return {n: appended[n][: ledger.account(n).delivered] for n in SOURCES}


async def until_some_of_each_is_recorded(forwarding: Forwarding) -> None:
    async with asyncio.timeout(60):
        ledger = await forwarding.ledger()
        while not all(ledger.account(number).delivered for number in SOURCES):
            await asyncio.sleep(0.01)
            ledger = await forwarding.ledger()


async def test_what_was_recorded_as_delivered_before_a_power_cut_is_there_and_comes_once(
    disk: LoopDisk,
) -> None:
    need_parquet("files:parquet")
    receiver = Receiver()
    async with receiver.serving() as hook:
        async with a_forwarding_to(disk, hook) as forwarding:
            forwarder = await forwarding.spawn()
            for _ in range(100):
                await forwarding.append(*((number, 20) for number in SOURCES))
            await until_some_of_each_is_recorded(forwarding)
            assert forwarding.nats.process is not None
            forwarder.send_signal(signal.SIGSTOP)
            forwarding.nats.process.send_signal(signal.SIGSTOP)
            cut = disk.after_power_cut()
            appended = dict(forwarding.appended)
            await forwarding.kill(forwarder)
            forwarding.nats.process.send_signal(signal.SIGCONT)
        async with a_forwarding_to(cut, hook) as forwarding:
            was_recorded = recorded(await forwarding.ledger(), appended)
            found = arrived(forwarding, receiver)
            forwarding.appended.update(appended)
            forwarder = await forwarding.spawn()
            ledger = await forwarding.settled(*SOURCES)
            forwarder.terminate()
            await forwarder.wait()
            after = arrived(forwarding, receiver)

    for number in SOURCES:
        assert was_recorded[number]
        assert set(was_recorded[number]) <= set(found[number])
        assert first_sightings(after[number]) == appended[number]
        twice = {one for one, count in Counter(after[number]).items() if count > 1}
        assert not twice & set(was_recorded[number])
        account = ledger.account(number)
        assert account.accepted == account.delivered == len(appended[number])
