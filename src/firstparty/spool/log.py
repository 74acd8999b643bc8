"""The durable log: groups of entries in one JetStream stream.

Append returns once the group is on disk. A reader keeps its own cursor and asks for what comes
after it (JetStream's batched direct get): there is no consumer on the server, so nothing stalls,
is redelivered or has to be made again after a restart.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from firstparty.errors import Refused, Unavailable
from firstparty.spool.direct import Connection, DirectReads, StoredGroup
from firstparty.spool.durability import check_servers, check_stream
from firstparty.spool.publisher import RETRY_AFTER, Publisher
from firstparty.telemetry import Log

STREAM: Final = "log"
OUTCOME: Final = "outcome"  # the subject of outcome records
MAX_GROUP_BYTES: Final = 4 * 1024 * 1024  # half of the max_payload that server.py sets
APPEND_TIMEOUT: Final = timedelta(seconds=5)
_RECORD_TIMEOUT: Final = timedelta(seconds=10)
_STUCK_APPENDS: Final = 2
_STORED: Final = "log-stored"  # an empty message soon after a group was stored: what wakes a reader
_CALL_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 3.0
_CLOSE_SECONDS: Final = 2.0
_RECONNECT_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """What the log holds: sequences ``first`` to ``last``; empty when first = last + 1."""

    first: int
    last: int
    size_bytes: int


class DurableLog:
    """One connection to the log. Append, read and truncate; all raise Unavailable."""

    def __init__(
        self, connection: Client, publisher: Publisher, records: Publisher, reads: DirectReads
    ) -> None:
        """``records`` publishes what the forwarder writes beside the log (``outcomes.py``)."""
        self.connection: Final = connection
        self.records: Final = records
        self.reads: Final = reads
        self._publisher = publisher
        self.jetstream: Final[JetStreamContext] = connection.jetstream(timeout=_CALL_SECONDS)

    @property
    def max_group_bytes(self) -> int:
        """How big a group may be: half of what the server takes, at most MAX_GROUP_BYTES."""
        return min(MAX_GROUP_BYTES, self.connection.max_payload // 2)

    @property
    def is_stuck(self) -> bool:
        """Whether the server is there, but has not answered the last appends at all."""
        return self._publisher.unanswered >= _STUCK_APPENDS

    def append(self, *pieces: bytes) -> asyncio.Future[int]:
        """Begin to store a group, given in pieces; the future has its sequence once it is on disk.

        It raises Unavailable when the log is away, full, or late; the group may be in the log all
        the same when it was late or the connection broke.
        """
        return self._publisher.publish(*pieces)

    async def read(
        self,
        *,
        after: int,
        max_groups: int = 64,
        max_bytes: int = 8 * MAX_GROUP_BYTES,
    ) -> list[StoredGroup]:
        """The groups that follow sequence ``after``, in order; empty when there is none yet.

        Sequences that were truncated are skipped. At least one group comes, however big.
        """
        request = {"seq": after + 1, "batch": max_groups, "max_bytes": max_bytes}
        with unavailable("read"):
            return await self.reads.read(STREAM, request)

    async def state(self) -> LogState:
        """What the log holds."""
        with unavailable("state"):
            state = (await self.jetstream.stream_info(STREAM)).state
        # An empty stream says first_seq 0 until its first message, and last + 1 after a purge.
        return LogState(first=max(state.first_seq, 1), last=state.last_seq, size_bytes=state.bytes)

    async def truncate(self, *, through: int) -> None:
        """Forget every group up to and including sequence ``through``."""
        with unavailable("truncate"):
            await self.jetstream.purge_stream(STREAM, seq=through + 1)

    @contextlib.asynccontextmanager
    async def arrivals(self) -> AsyncIterator[asyncio.Event]:
        """An event that is set soon after a group was stored.

        A hint, which may be lost with the connection: wait for it with a time-out, then read.
        """
        event = asyncio.Event()

        async def wake(_message: Msg) -> None:
            event.set()

        with unavailable("arrivals"):
            subscription = await self.connection.subscribe(_STORED, cb=wake)
        try:
            yield event
        finally:
            with contextlib.suppress(Unavailable), unavailable("arrivals"):
                await subscription.unsubscribe()

    async def close(self) -> None:
        """Give the connection back."""
        await _close(self.connection)


async def open_log(url: str, *, max_bytes: int) -> DurableLog:
    """Connect to the log at ``url``, making its stream where there is none.

    ``max_bytes`` is how much the log may hold; a full log refuses, it never drops. Raises
    Unavailable while the server is away, NotDurable when it does not flush before it
    acknowledges.
    """
    log = await join_log(url)
    try:
        with unavailable("open"):
            await check_servers(log.connection)
            await ensure_stream(
                log.jetstream,
                StreamConfig(
                    name=STREAM,
                    subjects=[STREAM],
                    storage=StorageType.FILE,
                    retention=RetentionPolicy.LIMITS,
                    discard=DiscardPolicy.NEW,
                    max_bytes=max_bytes,
                    num_replicas=1,
                    allow_direct=True,
                ),
            )
    except BaseException:
        await log.close()
        raise
    return log


async def join_log(url: str) -> DurableLog:
    """Connect to a log that somebody else makes. Raises Unavailable while the server is away.

    Until its stream is there, every call of the log raises Unavailable.
    """
    publisher = Publisher(STREAM, stored_subject=_STORED, timeout=APPEND_TIMEOUT)
    records = Publisher(OUTCOME, timeout=_RECORD_TIMEOUT)
    reads = DirectReads()
    parts = (publisher, records, reads)

    def fail_all() -> None:
        for part in parts:
            part.fail_all()

    connection = await connect(url, on_lost=fail_all)
    log = DurableLog(connection, publisher, records, reads)
    try:
        with unavailable("join"):
            for part in parts:
                await part.start(connection)
    except BaseException:
        await log.close()
        raise
    return log


async def connect(url: str, *, on_lost: Callable[[], None]) -> Connection:
    """A connection that comes back by itself for ever. Raises Unavailable if it cannot begin.

    ``on_lost`` is called each time it breaks.
    """
    log = Log("spool")

    async def on_disconnect() -> None:
        on_lost()
        if not connection.is_closed:  # else it is us who close it
            log.warning("spool.disconnected")

    async def on_reconnect() -> None:
        log.info("spool.reconnected")

    async def on_error(error: Exception) -> None:
        log.debug("spool.connection_error", error=error)

    connection = Connection()
    try:
        with unavailable("connect"):
            # With endless reconnection the first one is tried endlessly too: hence the limit.
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.connect(
                    url,
                    connect_timeout=2,
                    reconnect_time_wait=_RECONNECT_SECONDS,  # type: ignore[arg-type]  # as told
                    max_reconnect_attempts=-1,
                    ping_interval=5,
                    max_outstanding_pings=2,
                    disconnected_cb=on_disconnect,
                    reconnected_cb=on_reconnect,
                    error_cb=on_error,
                )
    except BaseException:
        await _close(connection)
        raise
    return connection


async def _close(connection: Client) -> None:
    """Close it in bounded time: a server that hangs takes in nothing more, nor says good-bye."""
    with contextlib.suppress(Unavailable), unavailable("close"):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await connection.close()


async def ensure_stream(jetstream: JetStreamContext, wanted: StreamConfig) -> None:
    """Make the stream or check the one that is there; raises NotDurable, Refused."""
    assert wanted.name is not None
    try:
        there = (await jetstream.stream_info(wanted.name)).config
    except nats.js.errors.NotFoundError:
        try:
            there = (await jetstream.add_stream(wanted)).config
        except nats.js.errors.ServerError as error:
            raise Refused(
                "no-room-for-log",
                f"The NATS server has no room for the stream {wanted.name!r} of "
                f"{wanted.max_bytes} bytes ({error.description}): free disk space or lower "
                "spool.max_bytes.",
            ) from error
    check_stream(there)
    if there.max_bytes != wanted.max_bytes:
        there.max_bytes = wanted.max_bytes
        await jetstream.update_stream(there)


@contextlib.contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Turn what the client library raises while the log is away, full or late into Unavailable.

    That includes cancellations that nobody asked for: nats-py cancels what waits for a message of a
    connection that it closes. A task that took them for its own would end, and nobody be told.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        reason = "the connection was lost"
        raise Unavailable(f"log: {what}: {reason}", retry_after=RETRY_AFTER) from error
    except (nats.errors.Error, OSError, TimeoutError, RuntimeError) as error:
        # RuntimeError is what uvloop raises of a transport that is closed already.
        reason = str(error) or type(error).__name__
        raise Unavailable(f"log: {what}: {reason}", retry_after=RETRY_AFTER) from error
