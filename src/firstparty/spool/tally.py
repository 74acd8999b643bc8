"""What ingest did not keep of each source, counted where it arrives, beside the ledger.

Refused requests and messages that privacy rules dropped are not in the log, so no reading of the
log tells of them. Each process counts for itself, in memory, and says its totals now and then: one
message for each source and process, replaced by the next. What was not said yet is lost when its
process is killed.
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from firstparty.errors import Unavailable
from firstparty.spool.log import DurableLog, join_log, unavailable

STREAM: Final = "tally"
REPORT_SECONDS: Final = 5.0
_MAX_BYTES: Final = 64 * 1024**2  # some 400,000 totals
_KEPT: Final = timedelta(days=365)


class NotKept(msgspec.Struct, kw_only=True):
    """Of one source: requests that were refused, messages that its privacy rules dropped."""

    refused: int = 0
    privacy_dropped: int = 0


class Tally:
    """One process's totals, by source number."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(8)
        self._totals: dict[int, NotKept] = {}
        self._changed: set[int] = set()

    def count(self, source: int, *, refused: int = 0, privacy_dropped: int = 0) -> None:
        """Add to a source's totals."""
        total = self._totals.get(source)
        if total is None:
            total = self._totals[source] = NotKept()
        total.refused += refused
        total.privacy_dropped += privacy_dropped
        self._changed.add(source)

    async def report(self, log_url: str) -> None:
        """Say every few seconds what has changed, until cancelled. Never raises for the log."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            try:
                await self.say(log_url)
            except Unavailable:
                continue  # the totals are said as soon as the log is back

    async def say(self, log_url: str) -> None:
        """Say every total that has changed since it was last said. Raises Unavailable."""
        if not self._changed:
            return
        log = await join_log(log_url)
        try:
            with unavailable("tally"):
                await log.jetstream.add_stream(_STREAM_CONFIG)
                while self._changed:
                    source = self._changed.pop()
                    try:
                        await log.jetstream.publish(
                            f"tally.{source}.{self._process}",
                            msgspec.json.encode(self._totals[source]),
                        )
                    except BaseException:
                        self._changed.add(source)
                        raise
        finally:
            await log.close()


async def read_tally(log: DurableLog, sources: Sequence[int]) -> dict[int, NotKept]:
    """The totals of these sources, of all processes together. Raises Unavailable."""
    totals: dict[int, NotKept] = {}
    with unavailable("tally"):
        await log.jetstream.add_stream(_STREAM_CONFIG)
        for source in sources:
            request: dict[str, int | str] = {"next_by_subj": f"tally.{source}.*", "batch": 500}
            after = 0
            total = totals[source] = NotKept()
            while stored := await log.reads.read(STREAM, request | {"seq": after + 1}):
                after = stored[-1].sequence
                for one in stored:
                    said = msgspec.json.decode(one.data, type=NotKept)
                    total.refused += said.refused
                    total.privacy_dropped += said.privacy_dropped
    return totals


_STREAM_CONFIG: Final = StreamConfig(
    name=STREAM,
    subjects=["tally.*.*"],
    storage=StorageType.FILE,
    retention=RetentionPolicy.LIMITS,
    discard=DiscardPolicy.OLD,
    max_bytes=_MAX_BYTES,
    max_age=_KEPT.total_seconds(),
    max_msgs_per_subject=1,
    num_replicas=1,
    allow_direct=True,
)
