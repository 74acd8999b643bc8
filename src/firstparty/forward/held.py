"""What waits for long is moved out of the log, so that one dead upstream keeps nobody's messages.

The entries of a source that is late are copied to its own shelf, ``held.SOURCE``, in the order of
the log, together with the outcome record that says how far. From then on the log may be truncated
there, and the source reads its shelf first and then the log. A copy keeps the place that its
entries had in the log: positions mean the same, wherever an entry is read.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from firstparty.forward.batch import Item
from firstparty.forward.expand import BadMessage
from firstparty.forward.journal import Journal
from firstparty.forward.packing import IndexedFrame, pack_frames, sort_frames
from firstparty.spool.direct import StoredGroup
from firstparty.spool.entries import build_group, split_group
from firstparty.spool.outcomes import MAX_COPIES, Copy, Shelf
from firstparty.telemetry import Log

_COPY_BYTES: Final = 512 * 1024  # about; a single group may be larger
_READ_GROUPS: Final = 256
_READ_BYTES: Final = 1024**2
# So that what one read brings of them is never more than MAX_COPIES copies.
_SOURCES_AT_ONCE: Final = MAX_COPIES // 4
_READ_COPIES: Final = 2


class HeldGroup(msgspec.Struct, frozen=True, array_like=True):
    """One source's entries of group ``sequence``: a group of their own, and their old places."""

    sequence: int
    indexes: list[int]
    data: bytes


class HeldCopy(msgspec.Struct, frozen=True, array_like=True):
    """What one copy on a shelf holds."""

    groups: list[HeldGroup]


class GroupLog(Protocol):
    """The log as far as it is needed here. Every method raises Unavailable."""

    async def read(
        self, *, after: int, max_groups: int = ..., max_bytes: int = ...
    ) -> list[StoredGroup]:
        """The groups that follow ``after``, in order."""
        ...


def build_copies(groups: Sequence[HeldGroup], *, source: int) -> list[Copy]:
    """These groups as copies for the source's shelf, in order."""
    copies: list[Copy] = []
    part: list[HeldGroup] = []
    size = 0
    for group in groups:
        if part and size + len(group.data) > _COPY_BYTES:
            copies.append(_build_copy(part, source))
            part, size = [], 0
        part.append(group)
        size += len(group.data)
    if part:
        copies.append(_build_copy(part, source))
    return copies


def hold_frames(frames: Sequence[IndexedFrame], *, sequence: int) -> HeldGroup:
    """One source's entries of a group, to be kept."""
    return HeldGroup(
        sequence,
        [index for index, _ in frames],
        build_group([frame.framed for _, frame in frames]),
    )


def open_copy(data: bytes) -> list[tuple[int, list[IndexedFrame]]]:
    """The entries in a copy by sequence. Raises msgspec.DecodeError, BadGroup."""
    copy = msgspec.msgpack.decode(data, type=HeldCopy)
    return [
        (group.sequence, list(zip(group.indexes, split_group(group.data), strict=True)))
        for group in copy.groups
    ]


def open_groups(data: bytes) -> list[bytes]:
    """The groups in a copy, framed. Raises msgspec.DecodeError."""
    return [group.data for group in msgspec.msgpack.decode(data, type=HeldCopy).groups]


class Holder:
    """Moves entries of late sources from the log to their shelves, and clears the shelves."""

    def __init__(self, journal: Journal, log: GroupLog) -> None:
        self._journal = journal
        self._log = log
        # By source: the copies on its shelf, as their sequence and the last group in them.
        self._shelves: defaultdict[int, deque[tuple[int, int]]] = defaultdict(deque)
        self._is_full = False

    async def hold(self, sources: Sequence[int]) -> None:
        """Copy what waits of these sources, up to where the dispatcher has read."""
        for start in range(0, len(sources), _SOURCES_AT_ONCE):
            part = sources[start : start + _SOURCES_AT_ONCE]
            while await self._hold_some(part):
                pass

    async def clear(self) -> None:
        """Take copies off their shelves whose messages all have their outcome."""
        for source, shelf in self._shelves.items():
            account = self._journal.ledger.account(source)
            through = 0
            while shelf and (not account.waiting or shelf[0][1] < account.resolved.sequence):
                through, _ = shelf.popleft()
            if through:
                await self._journal.outcomes.truncate_copies(Shelf.HELD, source, through=through)

    def note(self, source: int, sequence: int, *, last_group: int) -> None:
        """A copy was seen on the shelf, from before this forwarder's time."""
        shelf = self._shelves[source]
        if not shelf or shelf[-1][0] < sequence:
            shelf.append((sequence, last_group))

    async def _hold_some(self, sources: Sequence[int]) -> bool:
        """Copy from one read of the log; False when nothing is left to copy."""
        ledger, frontier = self._journal.ledger, self._journal.read_through
        cursors = {source: ledger.kept_through(source, read_through=frontier) for source in sources}
        start = min(cursors.values())
        if start >= frontier:
            return False
        groups = await self._log.read(after=start, max_groups=_READ_GROUPS, max_bytes=_READ_BYTES)
        groups = [group for group in groups if group.sequence <= frontier]
        through = groups[-1].sequence if groups else frontier
        found = _collect(groups, cursors)
        copies = {source: build_copies(held, source=source) for source, held in found.items()}
        size = sum(len(copy.data) for some in copies.values() for copy in some)
        if not await self._has_room(size):
            return False
        await self._commit(copies, sources, through=through)
        return True

    async def _has_room(self, size: int) -> bool:
        is_full = size > 0 and await self._journal.room() < size
        if is_full and not self._is_full:
            Log("forward").error("forward.shelves_full", needed_bytes=size)
        self._is_full = is_full
        return not is_full

    async def _commit(
        self, copies: Mapping[int, Sequence[Copy]], sources: Iterable[int], *, through: int
    ) -> None:
        together = [copy for some in copies.values() for copy in some]
        if not together:
            self._journal.skip(sources, through)
            return
        record = await self._journal.hold(sources, through, copies=together)
        for place, copy in enumerate(together):
            last_group = open_last_group(copy.data)
            self._shelves[copy.source].append((record - len(together) + place, last_group))


def open_last_group(data: bytes) -> int:
    """The sequence of the last group in a copy. Raises msgspec.DecodeError."""
    return msgspec.msgpack.decode(data, type=HeldCopy).groups[-1].sequence


class ShelfReader:
    """One source's shelf, read once from its beginning to its end."""

    def __init__(self, source: int, journal: Journal, holder: Holder) -> None:
        self._source = source
        self._journal = journal
        self._holder = holder
        self._after = 0

    async def read(self, *, source_type: str, beyond: int) -> tuple[list[Item], int]:
        """What lies there of groups beyond ``beyond``, and how far that is; some at a time."""
        account = self._journal.ledger.account(self._source)
        held_through = self._journal.shelved_through(self._source)
        copies = await self._journal.outcomes.read_copies(
            Shelf.HELD, self._source, after=self._after, max_copies=_READ_COPIES
        )
        if not copies:
            return [], held_through
        items: list[Item] = []
        through = beyond
        for copy in copies:
            for sequence, frames in open_copy(copy.data):
                if sequence > through:
                    items += pack_frames(
                        frames, sequence=sequence, source_type=source_type, after=account.resolved
                    )
                    through = sequence
            self._after = copy.sequence
            self._holder.note(self._source, copy.sequence, last_group=open_last_group(copy.data))
        return items, through


def _collect(
    groups: Sequence[StoredGroup], cursors: Mapping[int, int]
) -> dict[int, list[HeldGroup]]:
    found: defaultdict[int, list[HeldGroup]] = defaultdict(list)
    for group in groups:
        sorted_frames = sort_frames(group)
        if isinstance(sorted_frames, BadMessage):
            continue
        for source, cursor in cursors.items():
            frames = sorted_frames.get(source)
            if frames and cursor < group.sequence:
                found[source].append(hold_frames(frames, sequence=group.sequence))
    return found


def _build_copy(groups: list[HeldGroup], source: int) -> Copy:
    data = msgspec.msgpack.encode(HeldCopy(groups))
    return Copy(shelf=Shelf.HELD, source=source, data=data)
