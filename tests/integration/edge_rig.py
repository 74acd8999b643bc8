"""A real Envoy with its discovery server, the feed before it and back ends behind it."""

import asyncio
import contextlib
import json
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from firstparty.config.addresses import Address
from firstparty.edge.ads import serve_ads
from firstparty.edge.bootstrap import EdgeLayout, build_bootstrap
from firstparty.edge.envoy import build_command, find_envoy
from firstparty.model.feed import (
    EdgeCertificate,
    EdgeDomain,
    EdgeSource,
    HostKind,
    HttpChallenge,
    Topic,
)
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.reader import open_feed
from firstparty.store.sealing import Sealer
from tests.integration.edge_ends import Answer, Connection, echoing
from tests.pairs import Pair, TestAuthority

DOMAIN = "cdp.shop.test"
CDN, API = f"evs.{DOMAIN}", f"api.{DOMAIN}"
KEY = b"k" * 32
_ADS_PROCESS = f"""
import asyncio, socket, sys
from pathlib import Path
from firstparty.edge.ads import serve_ads
from firstparty.store.reader import open_feed
from firstparty.store.sealing import Sealer
directory, url, acme, https_port = sys.argv[1:]
asyncio.run(serve_ads(
    ads_socket=Path(directory, "ads.sock"), http_listener=socket.socket(fileno=int(acme)),
    feed=open_feed(url), snapshot=Path(directory, "edge.snapshot"), sealer=Sealer({KEY!r}),
    https_port=int(https_port),
))
"""


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


async def until(is_true: Callable[[], bool], *, seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not is_true():
            await asyncio.sleep(0.02)


class Edge:
    def __init__(self, directory: Path, host: str, *, is_hot: bool = False) -> None:
        self.is_hot = is_hot  # then the CDN role is up to the test
        self.directory = directory
        self.authority = TestAuthority()
        self.sealer = Sealer(KEY)
        self.store = Store(f"sqlite:///{directory / 'store.db'}")
        tables.metadata.create_all(self.store.engine)
        self.https_port, self.http_port = free_ports()
        self.layout = EdgeLayout(
            https=Address(host, self.https_port),
            http=Address(host, self.http_port),
            ads_socket=directory / "ads.sock",
            acme_socket=directory / "acme.sock",
            cdn_socket=directory / "cdn.sock",
            ingest_sockets=(directory / "ingest-0.sock", directory / "ingest-1.sock"),
            admin_socket=directory / "admin.sock",
            console_socket=directory / "console.sock",
        )
        self.acme = socket.socket(socket.AF_UNIX)
        self.acme.bind(str(self.layout.acme_socket))
        self.acme.listen()
        self.back_ends = contextlib.AsyncExitStack()
        self.ads: asyncio.Task[None] | None = None
        self.envoy: asyncio.subprocess.Process | None = None

    # --- the parts ---

    def start_ads(self) -> None:
        self.ads = asyncio.create_task(
            serve_ads(
                ads_socket=self.layout.ads_socket,
                http_listener=self.acme.dup(),
                feed=open_feed(str(self.store.engine.url)),
                snapshot=self.directory / "edge.snapshot",
                sealer=self.sealer,
                https_port=self.https_port,
                cdn_socket=self.layout.cdn_socket if self.is_hot else None,
            )
        )

    async def stop_ads(self) -> None:
        self.ads.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.ads

    async def kill_ads_process(self, *, after: Callable[[], Awaitable[object]]) -> None:
        """Run the role in a process of its own, and kill it without warning."""
        arguments = (self.directory, self.store.engine.url, self.acme.fileno(), self.https_port)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _ADS_PROCESS, *map(str, arguments)),
            pass_fds=(self.acme.fileno(),),
        )
        try:
            await after()
        finally:
            process.kill()
            await process.wait()

    async def start_back_ends(self) -> None:
        if not self.is_hot:
            await self.back_ends.enter_async_context(echoing(self.layout.cdn_socket, "cdn"))
        for path in self.layout.ingest_sockets:
            await self.back_ends.enter_async_context(echoing(path, "ingest"))
        await self.back_ends.enter_async_context(echoing(self.layout.console_socket, "console"))

    async def stop_back_ends(self) -> None:
        await self.back_ends.aclose()

    async def start_envoy(self) -> None:
        await self.start_envoy_process()
        async with asyncio.timeout(30):
            while not (await self.is_open(self.https_port) and await self.is_open(self.http_port)):
                assert self.envoy.returncode is None
                await asyncio.sleep(0.05)

    async def start_envoy_process(self) -> None:
        file = self.directory / "envoy.json"
        file.write_text(json.dumps(build_bootstrap(self.layout)))
        command = build_command(binary=find_envoy(""), bootstrap=file, concurrency=1)
        self.envoy = await asyncio.create_subprocess_exec(*command)

    async def is_open(self, port: int) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    async def stop_envoy(self) -> None:
        if self.envoy is not None and self.envoy.returncode is None:
            self.envoy.kill()
            await self.envoy.wait()

    # --- the feed ---

    def publish(
        self,
        pair: Pair | None,
        *,
        name: str = DOMAIN,
        key: str = "dom_1",
        sources: tuple[EdgeSource, ...] = (),
        console: str = "",
    ) -> None:
        """``console`` is its host, where it is that which is published."""
        certificate = None
        if pair is not None:
            certificate = EdgeCertificate(
                id="crt_1",
                chain=pair.chain,
                sealed_key=self.sealer.seal(pair.key, context="certificate:crt_1"),
                not_after=datetime.now(UTC) + timedelta(days=1),
            )
        domain = EdgeDomain(
            id=key,
            workspace="wsp_1",
            name=name,
            cdn_host=console or f"evs.{name}",
            api_host=console or f"api.{name}",
            kind=HostKind.CONSOLE if console else HostKind.TENANT,
            sources=sources,
            certificate=certificate,
        )
        self._publish(Topic.EDGE, key, msgspec.json.encode(domain))

    def publish_live(
        self, name: str = DOMAIN, *, key: str = "dom_1", sources: tuple[EdgeSource, ...] = ()
    ) -> Pair:
        pair = self.authority.issue(f"evs.{name}", f"api.{name}")
        self.publish(pair, name=name, key=key, sources=sources)
        return pair

    def publish_console(self, host: str) -> None:
        self.publish(self.authority.issue(host), key="dom_console", console=host)

    def remove(self, key: str = "dom_1") -> None:
        self._publish(Topic.EDGE, key, None)

    def publish_challenge(self, host: str, token: str, key_authorization: str) -> None:
        challenge = HttpChallenge(
            host=host,
            token=token,
            key_authorization=key_authorization,
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        )
        self._publish(Topic.CHALLENGES, f"{host}/{token}", msgspec.json.encode(challenge))

    def _publish(self, topic: Topic, key: str, body: bytes | None) -> None:
        with self.store.write() as connection:
            feed.publish(connection, topic, key, body)

    # --- a visitor ---

    async def connect(
        self,
        host: str,
        *,
        is_secure: bool = True,
        sni: str | None = None,
        over: str = "127.0.0.1",
    ) -> Connection:
        context = ssl.create_default_context(cadata=self.authority.pem) if is_secure else None
        reader, writer = await asyncio.open_connection(
            over,
            self.https_port if is_secure else self.http_port,
            ssl=context,
            server_hostname=(sni or host) if context else None,
        )
        return Connection(reader, writer)

    async def request(
        self,
        host: str,
        path: str = "/",
        *,
        sni: str | None = None,
        is_secure: bool = True,
        over: str = "127.0.0.1",
        **parts: Any,
    ) -> Answer:
        """One request over a connection of its own; ``parts`` as for ``Connection.ask``."""
        async with asyncio.timeout(30):
            connection = await self.connect(host, is_secure=is_secure, sni=sni, over=over)
            try:
                return await connection.ask(parts.pop("method", "GET"), host, path, **parts)
            finally:
                connection.close()

    async def handshake(self, sni: str) -> None:
        """Raises ssl.SSLError or ConnectionError when Envoy refuses the name."""
        async with asyncio.timeout(9):  # a refusal is at once; no answer would take 10 s
            (await self.connect(sni)).close()

    async def request_until(
        self, is_right: Callable[[Answer], bool], host: str, path: str = "/", **parts: Any
    ) -> Answer:
        """Ask until the feed's change is there."""
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(ssl.SSLError, ConnectionError):
                    answer = await self.request(host, path, **parts)
                    if is_right(answer):
                        return answer
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def running_edge(
    host: str = "127.0.0.1", *, keeps_claims: bool = False, is_hot: bool = False
) -> AsyncIterator[Edge]:
    # Not pytest's tmp_path: a socket's path has 108 bytes at most.
    directory = Path(tempfile.mkdtemp(prefix="edge-"))
    edge = Edge(directory, host, is_hot=is_hot)
    edge.layout = replace(edge.layout, keeps_claims=keeps_claims)
    edge.start_ads()
    try:
        await edge.start_back_ends()
        await edge.start_envoy()
        yield edge
    finally:
        await edge.stop_envoy()
        await edge.stop_back_ends()
        await edge.stop_ads()
        edge.acme.close()
        edge.store.close()
        shutil.rmtree(directory)
