"""The ledger as of now: what the records say, and what lies in the log beyond them.

The forwarder counts what it reads; what it has not read yet (it is stopped, or was killed a moment
ago) is counted here, in the same way, so that the numbers are exact whether it runs or not.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

import msgspec

from firstparty.errors import Unavailable
from firstparty.forward.expand import BadMessage
from firstparty.forward.groups import UNREADABLE
from firstparty.forward.ledger import Ledger, OutcomeRecord
from firstparty.forward.packing import count_frames, sort_frames
from firstparty.spool.direct import StoredGroup
from firstparty.spool.log import LogState

_TRIES: Final = 5
_READ_GROUPS: Final = 256
_READ_BYTES: Final = 1024**2  # so that one read never keeps the event loop for long
MAX_COUNTED_BYTES: Final = 256 * 1024**2  # of the log, for one answer


class Log(Protocol):
    """The log as far as counting needs it. Every method raises Unavailable."""

    async def read(
        self, *, after: int, max_groups: int = ..., max_bytes: int = ...
    ) -> list[StoredGroup]:
        """The groups that follow ``after``, in order."""
        ...

    async def state(self) -> LogState:
        """What the log holds."""
        ...


class Records(Protocol):
    """Outcome records. Raises Unavailable."""

    async def read(self, *, after: int, max_records: int = ...) -> list[StoredGroup]:
        """Records that follow sequence ``after``, in order; empty only at the end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerNow:
    """The ledger, and how many groups at the log's end are not in it.

    That is 0, unless the forwarder is stopped and more waits than is counted for one answer.
    """

    ledger: Ledger
    uncounted_groups: int


async def read_ledger(log: Log, records: Records) -> LedgerNow:
    """The ledger as of now. Raises Unavailable."""
    for _ in range(_TRIES):
        ledger = await _fold(records)
        last = (await log.state()).last
        if ledger.counted_through > last:  # another log has taken its place; see Journal.open
            ledger.start_over()
        reached = await _count_beyond(log, ledger, last)
        # What the forwarder took out of the log meanwhile is in a newer record.
        if reached is not None and (await log.state()).first <= reached + 1:
            return LedgerNow(ledger=ledger, uncounted_groups=last - reached)
    raise Unavailable(
        "The ledger moves faster than it can be read: try again.",
        retry_after=timedelta(seconds=1),
    )


async def _fold(records: Records) -> Ledger:
    ledger, after = Ledger(), 0
    while found := await records.read(after=after):
        for stored in found:
            ledger.apply(msgspec.msgpack.decode(stored.data, type=OutcomeRecord))
        after = found[-1].sequence
    return ledger


async def _count_beyond(log: Log, ledger: Ledger, last: int) -> int | None:
    """Count up to group ``last``; how far that went, None where groups are gone already."""
    reached, room = ledger.counted_through, MAX_COUNTED_BYTES
    while reached < last and room > 0:
        groups = await log.read(after=reached, max_groups=_READ_GROUPS, max_bytes=_READ_BYTES)
        if not groups:
            return None
        for group in groups:
            if group.sequence != reached + 1:
                return None
            if group.sequence > last:
                break
            _count(group, ledger)
            reached = group.sequence
            room -= len(group.data)
    return reached


def _count(group: StoredGroup, ledger: Ledger) -> None:
    found = sort_frames(group)
    if isinstance(found, BadMessage):
        ledger.count(UNREADABLE, 1)
        return
    for number, frames in found.items():
        messages, replayed = count_frames(frames)
        ledger.count(number, messages, replayed=replayed)
