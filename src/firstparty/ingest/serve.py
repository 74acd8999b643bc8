"""The ingest role: a listener, the write keys it follows, the log it appends to."""

import asyncio
import contextlib
import socket
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from firstparty.counts import Counts
from firstparty.errors import Unavailable
from firstparty.ingest.accept import Committer
from firstparty.ingest.exchange import Connections
from firstparty.ingest.figures import Figures
from firstparty.ingest.http import Connection
from firstparty.ingest.rates import Rates
from firstparty.ingest.tracking import TrackingApi
from firstparty.ingest.visitors import Visitors
from firstparty.ingest.write_keys import TOPICS, WriteKeys
from firstparty.spool.beside import OwnServer
from firstparty.spool.log import APPEND_TIMEOUT, DurableLog, open_log
from firstparty.spool.reports import report
from firstparty.store.follow import follow_feed
from firstparty.store.reader import FeedReader
from firstparty.telemetry import Log

_COUNTS_SECONDS: Final = 60
_REOPEN_SECONDS: Final = 0.5
_WRITE_KEYS_SECONDS: Final = 2.0
_LAST_REQUESTS_SECONDS: Final = 1.0  # a client that has just sent one gets its answer
_BACKLOG: Final = 1_024
_FULL_RETRY_AFTER: Final = timedelta(seconds=30)


async def serve_ingest(  # noqa: PLR0913 - each is something that it stands on
    *,
    listener: socket.socket,
    feed: FeedReader,
    snapshot: Path,
    log_url: str,
    log_max_bytes: int,
    rates: Rates,
    own_server: OwnServer | None = None,
    figures: Figures | None = None,
    visitors: Visitors | None = None,
    counts: Counts | None = None,
) -> None:
    """Take messages on ``listener`` (bound; Unix or TCP) until cancelled.

    Needs neither the store (``snapshot`` is its last good state) nor the log to start: while the
    log is away, or the disk of our ``own_server`` is nearly full, requests get 503. Ends with
    NotDurable or Refused, in an exception group, when the log cannot keep its promise. When
    cancelled it takes no new connections, answers what has arrived, then leaves. ``figures``
    and ``counts`` are kept up to date meanwhile.
    """
    counts = counts or Counts()
    note = partial(_note_revision, counts)
    write_keys = WriteKeys()
    tracking = TrackingApi(write_keys, rates, visitors)
    committer = tracking.committer
    connections = Connections(tracking)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow_feed(feed, TOPICS, snapshot, write_keys.apply, note=note))
            tasks.create_task(_keep_time(connections, tracking, figures or Figures()))
            counted = write_keys.meters, tracking.tally, tracking.lanes.traffic
            tasks.create_task(report(log_url, *counted))
            # First ready, then open: meanwhile clients wait in the socket's backlog.
            log = await _open_log(log_url, max_bytes=log_max_bytes)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WRITE_KEYS_SECONDS):
                    await write_keys.loaded.wait()
            if log is not None:
                committer.use(log)
            server = await _listen(listener, connections)
            try:
                while log is None:
                    await asyncio.sleep(_REOPEN_SECONDS)
                    log = await _open_log(log_url, max_bytes=log_max_bytes)
                committer.use(log)
                await _watch_log(log, own_server, committer)  # until cancelled
            finally:
                await _finish(server, connections, committer)
                if log is not None:
                    await log.close()
    finally:
        listener.close()
        connections.abort()


def _note_revision(counts: Counts, revision: int) -> None:
    counts.set("feed_revision", revision, "ingest")


async def _listen(listener: socket.socket, connections: Connections) -> asyncio.Server:
    loop = asyncio.get_running_loop()

    def connect() -> Connection:
        return Connection(connections)

    if listener.family == socket.AF_UNIX:
        # Since Python 3.13 closing would remove the socket's file, which is the supervisor's.
        keep: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
        return await loop.create_unix_server(connect, sock=listener, backlog=_BACKLOG, **keep)
    return await loop.create_server(connect, sock=listener, backlog=_BACKLOG)


async def _open_log(url: str, *, max_bytes: int) -> DurableLog | None:
    """The log; None while it is away."""
    try:
        return await open_log(url, max_bytes=max_bytes)
    except Unavailable as error:
        Log("ingest").warning("ingest.log_unreachable", error=error)
        return None


async def _watch_log(
    log: DurableLog, own_server: OwnServer | None, committer: Committer[Any]
) -> None:
    """Each second, look whether our own server has room and answers; for ever."""
    had_room = True
    while True:
        await asyncio.sleep(1.0)
        if own_server is None:
            continue
        has_room = own_server.has_room()
        if has_room is not had_room:
            had_room = has_room
            full = Unavailable("the disk is nearly full", retry_after=_FULL_RETRY_AFTER)
            committer.hold(None if has_room else full)
            Log("ingest").warning("ingest.disk_nearly_full", has_room=has_room)
        if has_room and log.is_stuck:
            Log("ingest").error("ingest.log_stuck", then="nats-server is started anew")
            own_server.ask_for_restart()


async def _keep_time(connections: Connections, tracking: TrackingApi, figures: Figures) -> None:
    """Each second, end what is late; each minute, say what was done."""
    figures.follow(tracking)
    said: dict[str, int] = {}
    while True:
        await asyncio.sleep(1.0)
        connections.tick()
        figures.connections = len(connections.open)
        figures.held_bytes = connections.held_bytes
        counts = tracking.count_all()
        if connections.now % _COUNTS_SECONDS == 0 and counts != said:
            Log("ingest").info("ingest.counts", **counts)
            said = counts


async def _finish(
    server: asyncio.Server, connections: Connections, committer: Committer[Any]
) -> None:
    """Answer what has arrived, and what arrives at once, then close what is idle.

    The listening socket belongs to the supervisor: its backlog waits for the next process.
    """
    server.close()
    connections.end()
    await asyncio.sleep(_LAST_REQUESTS_SECONDS)
    connections.close_idle()
    async with asyncio.timeout(APPEND_TIMEOUT.total_seconds()):
        await committer.drain()
