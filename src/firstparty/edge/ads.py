"""The discovery server beside Envoy: follows the feed, answers from memory, never waits.

It needs no database to serve: what the feed said last is in a snapshot on disk, so certificates
and routes are there with everything behind it dead, after a restart of this role or of Envoy too.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc

from firstparty.counts import Counts, Key
from firstparty.edge import xds
from firstparty.edge.challenges import serve_challenges
from firstparty.edge.hot import Hot, keep_hot
from firstparty.edge.protobuf import Broken
from firstparty.edge.resources import ResourceName, Resources
from firstparty.edge.routes import STANDARD_HTTPS_PORT
from firstparty.edge.stream import Stream
from firstparty.errors import Unavailable
from firstparty.model.feed import FeedEntry, Topic
from firstparty.store.follow import follow_feed
from firstparty.store.reader import FeedReader
from firstparty.store.sealing import Sealer
from firstparty.store.snapshot import FeedSnapshot
from firstparty.telemetry import Log

TOPICS: Final = (Topic.EDGE, Topic.CHALLENGES)
_RETRY_SECONDS: Final = 1.0
_OPTIONS: Final = (
    # After a reconnect Envoy names all it has in one message: 100,000 hosts are above the 4 MiB
    # that are the default.
    ("grpc.max_receive_message_length", 64 * 1024**2),
    # Envoy pings each 30 s; by default grpc takes pings on a quiet stream for abuse and hangs up.
    ("grpc.http2.max_ping_strikes", 0),
)
_log: Final = Log("edge")


async def serve_ads(  # noqa: PLR0913 - each is something that it stands on
    *,
    ads_socket: Path,
    http_listener: socket.socket,
    feed: FeedReader,
    snapshot: Path,
    sealer: Sealer,
    https_port: int = STANDARD_HTTPS_PORT,
    cdn_socket: Path | None = None,
    counts: Counts | None = None,
) -> None:
    """Serve Envoy on ``ads_socket`` and http-01 tokens on ``http_listener``, until cancelled.

    ``ads_socket`` is made here (its folder too, mode 0700), since it carries private keys;
    ``http_listener`` is bound and listening. ``snapshot`` is this role's copy of the feed.
    ``sealer`` opens certificate keys. ``https_port`` is the port that visitors use. At
    ``cdn_socket`` is asked what Envoy may answer by itself; without it that is nothing. ``counts``
    are kept meanwhile.
    """
    resources = Resources(sealer, https_port=https_port)
    counts = counts or Counts()
    note = partial(_note_revision, counts)
    service = _Service(resources, counts)
    with contextlib.closing(http_listener):
        # Who knows nothing yet must stay silent: "no such name" makes Envoy drop what it has.
        service.apply(await _load_first(feed, snapshot))
        server = await _start(ads_socket, service)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(follow_feed(feed, TOPICS, snapshot, service.apply, note=note))
                tasks.create_task(serve_challenges(http_listener, resources))
                if cdn_socket is not None:
                    tasks.create_task(keep_hot(cdn_socket, resources.list_hot, service.take_hot))
        finally:
            await server.stop(grace=None)


def _note_revision(counts: Counts, revision: int) -> None:
    counts.set("feed_revision", revision, "ads")


async def _load_first(feed: FeedReader, file: Path) -> list[FeedEntry]:
    """The snapshot; where there is none, the store, however long that is away."""
    kept = FeedSnapshot(file)
    await asyncio.to_thread(kept.load)
    if kept.entries:
        return sorted(kept.entries.values(), key=lambda entry: entry.revision)
    is_told = False
    while True:
        try:
            return await asyncio.to_thread(_read_everything, feed)
        except Unavailable as error:
            if not is_told:
                _log.error("edge.nothing_to_serve", snapshot=str(file), error=error)
            is_told = True
        await asyncio.sleep(_RETRY_SECONDS)


def _read_everything(feed: FeedReader) -> list[FeedEntry]:
    entries: list[FeedEntry] = []
    seen = 0
    while True:
        before = seen
        seen, more = feed.read(TOPICS, after=before)
        entries += more
        if seen == before:
            return entries


async def _start(ads_socket: Path, service: "_Service") -> grpc.aio.Server:
    await asyncio.to_thread(ads_socket.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers((service,))
    server.add_insecure_port(f"unix:{ads_socket}")
    await server.start()
    await asyncio.to_thread(ads_socket.chmod, 0o600)  # grpc makes it 0755
    _log.info("ads.started", socket=str(ads_socket))
    return server


class _Service(grpc.GenericRpcHandler):  # type: ignore[misc]
    """The one method of the discovery service, and the streams that are open."""

    def __init__(self, resources: Resources, counts: Counts) -> None:
        self._resources = resources
        self._counts = counts
        self._open: set[_OpenStream] = set()
        counts.read_by(self._read_counts)

    def _read_counts(self) -> list[tuple[Key, float]]:
        return [
            (("edge_envoys", ()), len(self._open)),
            (("edge_hosts", ()), self._resources.count_hosts()),
            (("edge_certificates", ()), sum(one.count_secrets() for one in self._open)),
        ]

    def service(self, handler_call_details: Any) -> Any:
        """Take the calls of our method; without serializers messages are bytes."""
        if handler_call_details.method != xds.METHOD:
            return None
        return grpc.stream_stream_rpc_method_handler(self._serve)

    def apply(self, entries: Iterable[FeedEntry]) -> None:
        """Take entries of the feed in, and wake the streams that may have something to send."""
        changed = self._resources.apply(entries)
        for stream in self._open:
            stream.wake(changed)

    def take_hot(self, hot: Hot) -> None:
        """Have Envoy give these answers by itself."""
        changed = self._resources.set_hot(hot)
        for stream in self._open:
            stream.wake(changed)

    async def _serve(self, requests: AsyncIterator[bytes], context: Any) -> None:
        stream = _OpenStream(Stream(self._resources, self._counts), context)
        self._open.add(stream)
        _log.info("ads.connected")
        try:
            async with asyncio.TaskGroup() as tasks:
                pusher = tasks.create_task(stream.push())
                await stream.read(requests)
                pusher.cancel()
        except* Broken as broken:
            _log.error("ads.request_unreadable", error=broken.exceptions[0])
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not a DeltaDiscoveryRequest")
        finally:
            self._open.discard(stream)
            _log.info("ads.disconnected")


class _OpenStream:
    """A connected Envoy: its state machine, and what changed since it was last told."""

    def __init__(self, stream: Stream, context: Any) -> None:
        self._stream = stream
        self._context = context
        self._changed: set[ResourceName] = set()
        self._woken = asyncio.Event()
        self._writing = asyncio.Lock()

    def count_secrets(self) -> int:
        """How many certificates this Envoy has taken, by host."""
        return self._stream.count_secrets()

    def wake(self, changed: Iterable[ResourceName]) -> None:
        """Note resources that may differ; ``push`` sends them."""
        self._changed.update(changed)
        self._woken.set()

    async def read(self, requests: AsyncIterator[bytes]) -> None:
        """Answer requests until Envoy hangs up."""
        async for data in requests:
            request = xds.parse_request(data)
            async with self._writing:
                await self._write(self._stream.answer(request, now=datetime.now(UTC)))

    async def push(self) -> None:
        """Send what changes, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            async with self._writing:
                changed, self._changed = self._changed, set()
                await self._write(self._stream.update(changed, now=datetime.now(UTC)))

    async def _write(self, responses: Iterable[xds.DeltaResponse]) -> None:
        for response in responses:
            await self._context.write(xds.build_response(response))
