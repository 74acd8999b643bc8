"""What became of the log's entries: outcome records, and copies of what waits or has died.

One stream beside the log. Subject ``outcome`` has one record after another, each published on
condition that the one before it is still the last, so a second, stale forwarder is refused.
``held.SOURCE`` and ``dead.SOURCE`` hold copies that go in together with their record, or not at
all. What the bytes mean is the forwarder's business.
"""

import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import nats.js.errors
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from firstparty.errors import Conflict, Unavailable
from firstparty.spool.direct import StoredGroup
from firstparty.spool.log import OUTCOME, DurableLog, ensure_stream, unavailable
from firstparty.spool.publisher import RETRY_AFTER, NotStored

STREAM: Final = "outcomes"
MAX_COPIES: Final = 500  # in one commit; the server takes 1,000 messages in one atomic batch
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
_WRONG_LAST_SEQUENCE: Final = (10071, 10164)


class Shelf(StrEnum):
    """Where a copy lies: waiting for its upstream, or never to be delivered by itself."""

    HELD = "held"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Bytes to keep on a source's shelf; ``source`` is EdgeSource.number."""

    shelf: Shelf
    source: int
    data: bytes


class Fenced(Conflict):
    """Another forwarder has committed since: this one must stop and start anew from its record."""


class Stuck(Unavailable):
    """The log's server is there, and stores no records any more: it must start anew (beside.py).

    Of a stream of which one flush failed nothing is answered, or every record is refused as if
    there were another one.
    """


class Outcomes:
    """The outcome side of the log; one forwarder at a time. All methods raise Unavailable."""

    def __init__(self, log: DurableLog) -> None:
        self._connection = log.connection
        self._jetstream = log.jetstream
        self._records = log.records
        self._reads = log.reads

    async def last(self) -> StoredGroup | None:
        """The newest outcome record and its sequence; None before the first."""
        with unavailable("outcome"):
            try:
                found = await self._jetstream.get_last_msg(STREAM, OUTCOME)
            except nats.js.errors.NotFoundError:
                return None
        assert found.seq is not None
        return StoredGroup(sequence=found.seq, data=found.data or b"")

    async def commit(self, record: bytes, *, expected: int, copies: Sequence[Copy] = ()) -> int:
        """Add an outcome record and its copies, all or nothing; the record's sequence.

        ``expected`` is the sequence of the record before (0: none). At most MAX_COPIES copies.
        Raises Fenced when another record is the last. When it raises Unavailable the record may
        be there all the same: look at ``last`` before the next try. Stuck is one of these.
        """
        if len(copies) > MAX_COPIES:
            raise ValueError(f"{len(copies)} copies in one commit")
        headers = {_EXPECTED: str(expected)}
        if copies:
            batch = uuid.uuid4().hex
            with unavailable("commit"):
                for number, copy in enumerate(copies, start=1):
                    await self._connection.publish(
                        f"{copy.shelf}.{copy.source}",
                        copy.data,
                        headers={"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)},
                    )
                await self._connection.flush()  # the record must not overtake them
            headers["Nats-Batch-Id"] = batch
            headers["Nats-Batch-Sequence"] = str(len(copies) + 1)
            headers["Nats-Batch-Commit"] = "1"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        try:
            return await self._records.publish(record, headers=f"NATS/1.0\r\n{lines}\r\n".encode())
        except NotStored as error:
            if error.code not in _WRONG_LAST_SEQUENCE:
                raise
            if await self.last_sequence() <= expected:  # there is no other
                raise _stuck(f"nothing is behind {expected}, and nothing may be") from error
            raise Fenced(
                "forwarder-fenced",
                f"Outcome {expected} is not the last any more: another forwarder runs.",
            ) from error
        except Unavailable as error:
            if not self._records.unanswered:
                raise
            raise _stuck("the server is there, and does not answer") from error

    async def read(self, *, after: int, max_records: int = 256) -> list[StoredGroup]:
        """Outcome records that follow sequence ``after``, in order."""
        return await self._read(OUTCOME, after, max_records)

    async def read_copies(
        self, shelf: Shelf, source: int, *, after: int, max_copies: int = 64
    ) -> list[StoredGroup]:
        """Copies on this source's shelf that follow sequence ``after``, in order."""
        return await self._read(f"{shelf}.{source}", after, max_copies)

    async def sources_on(self, shelf: Shelf) -> dict[int, int]:
        """How many copies lie on this shelf, by source number."""
        with unavailable("shelf"):
            info = await self._jetstream.stream_info(STREAM, subjects_filter=f"{shelf}.*")
        subjects = info.state.subjects or {}
        return {int(name.partition(".")[2]): count for name, count in subjects.items()}

    async def last_sequence(self) -> int:
        """The sequence of whatever was stored last: records and copies have theirs in common."""
        with unavailable("state"):
            return (await self._jetstream.stream_info(STREAM)).state.last_seq

    async def truncate(self, *, through: int) -> None:
        """Forget outcome records up to and including ``through``, which must not be the last."""
        with unavailable("truncate"):
            await self._jetstream.purge_stream(STREAM, subject=OUTCOME, seq=through + 1)

    async def truncate_copies(self, shelf: Shelf, source: int, *, through: int) -> None:
        """Forget this source's copies up to and including sequence ``through``."""
        with unavailable("truncate"):
            subject = f"{shelf}.{source}"
            await self._jetstream.purge_stream(STREAM, subject=subject, seq=through + 1)

    async def room(self) -> int:
        """How many bytes may still be added before the stream is full."""
        with unavailable("state"):
            info = await self._jetstream.stream_info(STREAM)
        assert info.config.max_bytes is not None
        return info.config.max_bytes - info.state.bytes

    async def remove_copy(self, sequence: int) -> None:
        """Forget one copy; nothing happens if it is gone already."""
        with unavailable("remove"), contextlib.suppress(nats.js.errors.NotFoundError):
            await self._jetstream.delete_msg(STREAM, sequence)

    async def _read(self, subject: str, after: int, count: int) -> list[StoredGroup]:
        request: dict[str, int | str] = {"seq": after + 1, "next_by_subj": subject, "batch": count}
        with unavailable("read"):
            return await self._reads.read(STREAM, request)


def _stuck(reason: str) -> Stuck:
    return Stuck(f"log: commit: {reason}", retry_after=RETRY_AFTER)


async def open_outcomes(log: DurableLog, *, max_bytes: int) -> Outcomes:
    """The outcomes beside ``log``, making their stream where there is none.

    Raises Unavailable while the server is away, NotDurable or Refused as ``open_log`` does.
    """
    with unavailable("open"):
        await ensure_stream(
            log.jetstream,
            StreamConfig(
                name=STREAM,
                subjects=[OUTCOME, f"{Shelf.HELD}.*", f"{Shelf.DEAD}.*"],
                storage=StorageType.FILE,
                retention=RetentionPolicy.LIMITS,
                discard=DiscardPolicy.NEW,
                max_bytes=max_bytes,
                num_replicas=1,
                allow_direct=True,
                allow_atomic=True,
            ),
        )
    return Outcomes(log)
