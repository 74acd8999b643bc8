"""A message's second half for tests: a real log, real forwarders, the demo's upstreams."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path as File
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from firstparty.demo.faults import Behaviour
from firstparty.demo.received import ReceivedLog
from firstparty.demo.upstream import Handler, build_app, serve_upstream
from firstparty.forward.expand import expand
from firstparty.forward.forwarder import Limits
from firstparty.forward.kinds import Places
from firstparty.forward.ledger import Ledger, OutcomeRecord, fold
from firstparty.forward.letters import DeadLetter
from firstparty.model.feed import EdgeDomain, EdgeSource, Topic
from firstparty.model.messages import Encoding, Path
from firstparty.model.upstreams import secret_context
from firstparty.spool.entries import Entry, decode_group, encode_group
from firstparty.spool.log import DurableLog, open_log
from firstparty.spool.outcomes import Outcomes, Shelf, open_outcomes
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer
from tests.nats_server import NatsServer
from tests.ports import listener

SEALER = Sealer(bytes(32))
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the sources that go to webhooks
LIMITS = Limits(places=Places(allow_private=True, sealer=SEALER))
ROOM = 256 * 1024**2
_RUN = (
    "import sys, uvloop; from datetime import timedelta; from pathlib import Path; "
    "from firstparty.forward.forwarder import Limits, serve_forward; "
    "from firstparty.forward.kinds import Places; "
    "from firstparty.store.reader import open_feed; "
    "from firstparty.store.sealing import Sealer; "
    "from firstparty.telemetry import configure_logs; configure_logs('forward'); "
    "uvloop.run(serve_forward(feed=open_feed(sys.argv[1]), snapshot=Path(sys.argv[2]), "
    "log_url=sys.argv[3], "
    "limits=Limits(expire_after=timedelta(days=int(sys.argv[4])) or None, "
    "places=Places(files=Path(sys.argv[5]), allow_private=True, sealer=Sealer(bytes(32))), "
    "log_bytes=int(sys.argv[6]), outcomes_bytes=int(sys.argv[6]))))"
)


def an_entry(
    source: int, body: Any, *, path: Path = Path.BATCH, received_at: datetime | None = None
) -> Entry:
    return Entry(
        id=uuid.uuid4().bytes,
        received_at=received_at or datetime.now(UTC),
        source=source,
        path=path,
        encoding=Encoding.IDENTITY,
        client_address=ip_address("192.0.2.7"),
        user_agent="test",
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


class OutsideUpstream:
    """One of the demo's upstreams, and what it took."""

    def __init__(self, file: File, *, refuses: str = "") -> None:
        """``refuses`` is an id: what has it is answered 400, and nothing of it is taken."""
        self._file = file
        self.refuses = refuses
        self._listener = listener()
        self.url = "http://127.0.0.1:{1}".format(*self._listener.getsockname())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        if not self.refuses:
            task = asyncio.create_task(serve_upstream(listener=self._listener, received=self._file))
            yield
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return
        received = ReceivedLog(self._file)
        app = build_app(received, Behaviour())
        app.middlewares.append(self._refuse)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, self._listener).start()
        yield
        await runner.cleanup()
        received.close()

    @web.middleware
    async def _refuse(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.refuses in await request.text():
            return web.Response(status=400, text="invalid message")
        return await handler(request)

    async def control(self, **fault: Any) -> None:
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.url}/_control", json=fault) as answer,
        ):
            assert answer.status == 200

    def lines(self) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        return [json.loads(line) for line in self._file.read_bytes().splitlines()]

    def ids(self, write_key: str | None = None) -> list[str]:
        return [
            line["message"]["messageId"]
            for line in self.lines()
            if write_key in {None, line["write_key"]}
        ]


class Forwarding:
    """The log, the feed and the forwarders of one test."""

    def __init__(self, folder: File, *, max_bytes: int = ROOM) -> None:
        """``max_bytes`` may lie in the log, and on the shelves."""
        self.folder = folder
        self.files = folder / "files"
        self.max_bytes = max_bytes
        self.nats = NatsServer(folder, max_bytes=max_bytes)
        self.store_url = f"sqlite:///{folder / 'store.db'}"
        self.store = Store(self.store_url)
        tables.metadata.create_all(self.store.engine)
        self.sources: dict[int, EdgeSource] = {}
        self.appended: defaultdict[int, list[str]] = defaultdict(list)
        self.log: DurableLog
        self._processes: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        await self.nats.start()
        self.log = await open_log(self.nats.url, max_bytes=self.max_bytes)
        await open_outcomes(self.log, max_bytes=self.max_bytes)

    async def stop(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await self.log.close()
        await self.nats.stop()
        self.store.close()

    def publish(
        self,
        number: int,
        upstream: str,
        *,
        source_type: str = "python",
        region: str = "",
        messages_per_second: int = 0,
    ) -> None:
        """Make a source known, or change it."""
        self.sources[number] = EdgeSource(
            id=f"src_{number}",
            number=number,
            type=source_type,
            write_key=f"WK{number}",
            alias="a/b",
            upstream=upstream,
            region=region,
            messages_per_second=messages_per_second,
            sealed_secret=SEALER.seal(SECRET.encode(), context=secret_context(f"src_{number}")),
        )
        domain = EdgeDomain(
            id="dom_1",
            workspace="wsp_1",
            name="cdp.shop.test",
            cdn_host="evs.cdp.shop.test",
            api_host="api.cdp.shop.test",
            sources=tuple(self.sources.values()),
        )
        with self.store.write() as connection:
            feed.publish(connection, Topic.EDGE, "dom_1", msgspec.json.encode(domain))

    async def append(self, *sizes: tuple[int, int]) -> None:
        """One group: for each (source, messages) an entry with a batch of new messages."""
        entries, ids = [], []
        for source, messages in sizes:
            new = [f"s{source}-{len(self.appended[source]) + n:06d}" for n in range(messages)]
            batch = [{"type": "track", "event": "e", "messageId": i, "userId": "u"} for i in new]
            entries.append(an_entry(source, {"batch": batch}))
            ids.append((source, new))
            self.appended[source] += new
        await self.log.append(encode_group(entries))

    async def spawn(
        self, *, expire_after_days: int = 0, environment: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        """A forwarder as a process of its own."""
        with self.log_file(len(self._processes)).open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _RUN,
                self.store_url,
                str(self.folder / "forward.snapshot"),
                self.nats.url,
                str(expire_after_days),
                str(self.files),
                str(self.max_bytes),
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(sys.path),
                    **(environment or {}),
                },
                stderr=stderr,
            )
        self._processes.append(process)
        return process

    def log_file(self, number: int) -> File:
        """What the forwarder that was spawned as number ``number`` (from 0 on) has to say."""
        return self.folder / f"forwarder-{number}.log"

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async def ledger(self) -> Ledger:
        """The ledger as the records on disk have it."""
        outcomes = Outcomes(self.log)
        records, after = [], 0
        while found := await outcomes.read(after=after):
            records += [msgspec.msgpack.decode(s.data, type=OutcomeRecord) for s in found]
            after = found[-1].sequence
        return fold(records)

    async def dead(self, source: int) -> list[DeadLetter]:
        outcomes = Outcomes(self.log)
        copies = await outcomes.read_copies(Shelf.DEAD, source, after=0, max_copies=1_000)
        return [msgspec.msgpack.decode(copy.data, type=DeadLetter) for copy in copies]

    async def waiting_in_log(self) -> Counter[int]:
        """How many messages of each source lie in the log beyond its position, counted there."""
        ledger, found = await self.ledger(), Counter[int]()
        after = 0
        while groups := await self.log.read(after=after):
            for group in groups:
                for index, entry in enumerate(decode_group(group.data)):
                    account = ledger.account(entry.source)
                    found[entry.source] += sum(
                        line.position > account.resolved
                        for line in expand(entry, sequence=group.sequence, index=index)
                    )
            after = groups[-1].sequence
        return found

    async def settled(self, *sources: int, seconds: float = 60) -> Ledger:
        """The ledger, once nothing of these sources waits that was appended."""
        async with asyncio.timeout(seconds):
            while True:
                ledger = await self.ledger()
                accounts = [(number, ledger.account(number)) for number in sources]
                if all(a.delivered + a.dead >= len(self.appended[n]) for n, a in accounts):
                    return ledger
                await asyncio.sleep(0.05)


def first_sightings(ids: Iterable[str]) -> list[str]:
    """Each id once, in the order in which they were seen first."""
    return list(dict.fromkeys(ids))
