"""What a process counts is said to the log now and then, over one connection for all of it.

A report is of totals: a stream keeps the newest of each process and subject, so that what is said
twice, or after a restart, doubles nothing. What was not said yet is lost when its process is
killed.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from firstparty.errors import Unavailable
from firstparty.spool.log import DurableLog, join_log, unavailable

REPORT_SECONDS: Final = 5.0
_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What a process has to say of one subject; ``said`` is called when it lies in the stream."""

    subject: str
    data: bytes
    said: Callable[[], None]


class Report(Protocol):
    """What one process counts of one kind."""

    @property
    def streams(self) -> Sequence[StreamConfig]:
        """Where its totals go."""
        ...

    def find_due(self, now: datetime, *, is_last: bool) -> Sequence[Total]:
        """What has grown since it was last said; ``is_last``: all of it, for nobody will later."""
        ...


def build_stream(name: str, *, levels: int, max_bytes: int, kept: timedelta) -> StreamConfig:
    """A stream of totals, whose subjects are ``name`` and so many levels below it."""
    return StreamConfig(
        name=name,
        subjects=[name + ".*" * levels],
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        max_bytes=max_bytes,
        max_age=kept.total_seconds(),
        max_msgs_per_subject=1,
        num_replicas=1,
        allow_direct=True,
    )


def name_process() -> str:
    """What tells this process's totals from those of others, and of those before it."""
    return secrets.token_hex(8)


async def report(log_url: str, *reports: Report) -> None:
    """Say every few seconds what has grown, until cancelled, and then all of it once more.

    Never raises for the log: what could not be said is said as soon as the log is back.
    """
    try:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            with contextlib.suppress(Unavailable):
                await say(log_url, *reports, now=datetime.now(UTC))
    finally:
        with contextlib.suppress(Unavailable):
            await say(log_url, *reports, now=datetime.now(UTC), is_last=True)


async def say(log_url: str, *reports: Report, now: datetime, is_last: bool = False) -> None:
    """Say what has grown. Raises Unavailable while the log is away or has no room for some."""
    found = [(one.streams, one.find_due(now, is_last=is_last)) for one in reports]
    if not any(due for _, due in found):
        return
    log = await join_log(log_url)
    failed: Unavailable | None = None
    try:
        for streams, due in found:
            try:
                await _publish(log, streams, due)
            except Unavailable as error:  # there may be room for the others
                failed = error
    finally:
        await log.close()
    if failed is not None:
        raise failed


async def open_streams(log: DurableLog, streams: Sequence[StreamConfig]) -> None:
    """Make these where they are not there yet. Raises Unavailable."""
    with unavailable("reports"):
        for stream in streams:
            await log.jetstream.add_stream(stream)


async def read_totals(log: DurableLog, stream: str, subject: str) -> list[bytes]:
    """All totals of a subject (with wildcards) in a stream that is there. Raises Unavailable."""
    found: list[bytes] = []
    request: dict[str, int | str] = {"next_by_subj": subject, "batch": _BATCH}
    after = 0
    with unavailable("reports"):
        while stored := await log.reads.read(stream, request | {"seq": after + 1}):
            after = stored[-1].sequence
            found += [one.data for one in stored]
    return found


async def _publish(log: DurableLog, streams: Sequence[StreamConfig], due: Sequence[Total]) -> None:
    if due:
        await open_streams(log, streams)
    with unavailable("reports"):
        for total in due:
            await log.jetstream.publish(total.subject, total.data)
            total.said()
