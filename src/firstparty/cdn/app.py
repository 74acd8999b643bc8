"""The CDN host's role: a socket, the feed, and what a CDN host answers in between.

It follows the feed and knows nothing else of the store; with the database away it serves what
its snapshot has. TLS, HTTP/2 and limits are the edge's, in front of the socket.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from firstparty.cdn import answers
from firstparty.cdn.assets import AssetCache
from firstparty.cdn.bundles import Library, list_seen, open_library, read_library
from firstparty.cdn.directory import TOPICS, Directory
from firstparty.cdn.host import CACHE_BYTES, CdnHost
from firstparty.cdn.mirror import Clock, open_mirror
from firstparty.counts import Counts
from firstparty.spool.reports import report
from firstparty.store.follow import follow_feed
from firstparty.store.reader import FeedReader
from firstparty.store.snapshot import FeedSnapshot
from firstparty.telemetry import Log

# A site's cookies come with each script load, all of them, and are not ours to limit: as much as
# the edge lets through.
_MAX_HEADER_BYTES: Final = 64 * 1024
_KEEP_ALIVE_SECONDS: Final = 3_660.0  # longer than the edge keeps an idle connection
_DRAIN_SECONDS: Final = 2.0
_LIBRARY_SECONDS: Final = 5.0


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


async def serve_cdn(  # noqa: PLR0913 - what a role is given
    *,
    listener: socket.socket,
    feed: FeedReader,
    snapshot: Path,
    packages: Path,
    state: Path,
    https_port: int,
    log_url: str,
    clock: Clock = utc_now,
    counts: Counts | None = None,
) -> None:
    """Serve CDN hosts on ``listener`` until cancelled.

    ``snapshot`` is the file of the feed's last good state; ``packages`` a ``node_modules``;
    ``state`` the folder where scripts and bundles are kept for ever, and copies of what the
    upstream CDN has; ``https_port`` the edge's
    port as the public sees it; ``log_url`` the NATS server that meters of draining domains are
    told to. Without any good package the role runs, and answers 503 for
    scripts alone. ``counts`` are kept meanwhile.
    """
    library = await asyncio.to_thread(open_library, packages, state)
    directory = Directory(https_port=https_port)
    # Before the first accept, so that a restart never answers 404 for what it is about to learn.
    last_good = FeedSnapshot(snapshot)
    await asyncio.to_thread(last_good.load)
    directory.apply(sorted(last_good.entries.values(), key=lambda entry: entry.revision))
    assets = AssetCache(max_bytes=CACHE_BYTES)
    counts = counts or Counts()
    counts.read_by(lambda: [(("cdn_cache_bytes", ()), assets.size)])
    note = partial(_note_revision, counts)
    async with open_mirror(state / "mirror", assets, clock=clock) as mirror:
        cdn = CdnHost(directory, library, mirror, assets)
        async with _listening(listener, cdn, counts):
            Log("cdn").info(
                "cdn.serving",
                script=library.script.version if library.script else None,
                bundles=len(library.bundles),
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(report(log_url, directory.meters))
                tasks.create_task(_follow_library(state, library, cdn))
                tasks.create_task(follow_feed(feed, TOPICS, snapshot, directory.apply, note=note))


async def _follow_library(state: Path, library: Library, cdn: CdnHost) -> None:
    """Serve versions that are installed meanwhile."""
    while True:
        await asyncio.sleep(_LIBRARY_SECONDS)
        found = await asyncio.to_thread(list_seen, state)
        if found != library.seen:
            known = library.refused
            library = await asyncio.to_thread(read_library, state)
            cdn.use(library)
            Log("cdn").info("cdn.library", versions=" ".join(sorted(library.scripts)))
            for one in set(library.refused) - set(known):
                Log("cdn").error("cdn.version_refused", version=one.version, reason=one.reason)


@contextlib.asynccontextmanager
async def _listening(listener: socket.socket, cdn: CdnHost, counts: Counts) -> AsyncIterator[None]:
    server = web.Server(
        partial(_handle, cdn, counts),
        access_log=None,  # addresses of visitors
        logger=_silent_logger(),
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        max_line_size=_MAX_HEADER_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
    )
    runner = web.ServerRunner(server, shutdown_timeout=_DRAIN_SECONDS)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


def _note_revision(counts: Counts, revision: int) -> None:
    counts.set("feed_revision", revision, "cdn")


async def _handle(cdn: CdnHost, counts: Counts, request: web.BaseRequest) -> web.StreamResponse:
    try:
        answer = await cdn.answer(
            method=request.method,
            host=request.headers.get("Host", ""),
            path=request.raw_path.partition("?")[0],
            headers=request.headers,
        )
    except Exception:  # noqa: BLE001 - the rim: one request fails, logged, and the others go on
        Log("cdn").exception("cdn.request_failed")
        answer = answers.FAILED
    counts.add("cdn_answers_total", str(answer.status))
    return web.Response(
        status=answer.status,
        headers=[*answers.COMMON_HEADERS, *answer.headers],
        body=answer.body or None,
    )


def _silent_logger() -> logging.Logger:
    """Nothing: what aiohttp logs of an unreadable request quotes it, a visitor's cookies too."""
    logger = logging.getLogger("firstparty.cdn.unreadable")
    logger.disabled = True
    return logger
