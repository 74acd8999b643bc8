"""A group of the log in the form in which it goes upstream: each source's messages, packed. Pure.

A *pack* is the messages of some entries as one piece of JSON text; most messages never exist by
themselves. Where an entry is out of the ordinary its messages are items of their own. How many
messages there are depends on the bytes of the log alone, never on the way that is taken.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from firstparty.forward.batch import MAX_PACK_BYTES, Item, Pack, Prepared, prepare
from firstparty.forward.expand import BadMessage, Position, expand
from firstparty.forward.groups import describe_unreadable
from firstparty.forward.quick import rewrite_batch, rewrite_singles
from firstparty.model.messages import MAX_BATCH_MESSAGES, Encoding, Path
from firstparty.spool.direct import StoredGroup
from firstparty.spool.entries import BadGroup, Frame, split_group

_BATCH: Final = int(Path.BATCH)
_LETTER: Final = int(Encoding.LETTER)
_IDENTITY: Final = int(Encoding.IDENTITY)
_START: Final = Position(0, 0, 0)  # sequences begin at 1
# In one pack, so that what is worked on stays in the processor's cache (of 256, each costs two
# fifths more), and one odd message sends few others the slow way.
_MAX_SINGLES: Final = 64

IndexedFrame = tuple[int, Frame]


class _Count(msgspec.Struct, gc=False):
    batch: list[msgspec.Raw]


_COUNT: Final = msgspec.json.Decoder(_Count)


def sort_frames(group: StoredGroup) -> dict[int, list[IndexedFrame]] | BadMessage:
    """The entries of a group with their places in it, by source; or the whole as a bad message."""
    try:
        frames = split_group(group.data)
    except BadGroup as error:
        return describe_unreadable(group, str(error))
    found: defaultdict[int, list[IndexedFrame]] = defaultdict(list)
    for index, frame in enumerate(frames):
        found[frame.source].append((index, frame))
    return found


def pack_frames(
    frames: Sequence[IndexedFrame], *, sequence: int, source_type: str, after: Position
) -> list[Item]:
    """What of these entries of one source lies behind ``after``, as packs and items, in order."""
    items: list[Item] = []
    for run in _runs(frames):
        first_index, last_index = run[0][0], run[-1][0]
        if Position(sequence, first_index, 0) > after:
            pack = _pack(run, sequence=sequence, source_type=source_type)
            if pack is not None:
                if pack.count:
                    items.append(pack)
                continue
        elif Position(sequence, last_index + 1, 0) <= after:
            continue
        items += _open(run, sequence=sequence, source_type=source_type, after=after)
    return items


def unpack(pack: Pack) -> list[Prepared | BadMessage]:
    """The messages of a pack as items of one message each."""
    sequence = pack.position.sequence
    return _open(pack.frames, sequence=sequence, source_type=pack.source_type, after=_START)


def _open(
    frames: Sequence[IndexedFrame], *, sequence: int, source_type: str, after: Position
) -> list[Prepared | BadMessage]:
    return [
        prepare(line, source_type=source_type)
        for index, frame in frames
        for line in expand(frame.open(), sequence=sequence, index=index)
        if line.position > after
    ]


def count_frames(frames: Sequence[IndexedFrame]) -> tuple[int, int]:
    """How many messages these entries hold, and how many of them are replayed dead letters."""
    messages = replayed = 0
    for _, frame in frames:
        if frame.encoding == _LETTER:
            (line,) = expand(frame.open(), sequence=0, index=0)
            replayed += line.origin.replayed_index is not None
            messages += 1
        elif frame.path != _BATCH:
            messages += 1
        else:
            messages += _count_batch(frame)
    return messages, replayed


def count_replayed(items: Sequence[Item]) -> int:
    """How many of these are dead letters that were put in again; packs hold none."""
    origins = [
        item.message.origin if isinstance(item, Prepared) else item.origin
        for item in items
        if not isinstance(item, Pack)
    ]
    return sum(origin.replayed_index is not None for origin in origins)


def _runs(frames: Sequence[IndexedFrame]) -> Iterator[list[IndexedFrame]]:
    """Entries that are rewritten together: singles beside one another, a batch by itself."""
    run: list[IndexedFrame] = []
    room = MAX_PACK_BYTES
    for one in frames:
        _, frame = one
        size = frame.end - frame.start
        if frame.path == _BATCH or frame.encoding == _LETTER:
            if run:
                yield run
                run, room = [], MAX_PACK_BYTES
            yield [one]
            continue
        if run and (size > room or len(run) == _MAX_SINGLES):
            yield run
            run, room = [], MAX_PACK_BYTES
        run.append(one)
        room -= size
    if run:
        yield run


def _pack(run: Sequence[IndexedFrame], *, sequence: int, source_type: str) -> Pack | None:
    last_index, frame = run[-1]
    if frame.encoding == _LETTER:
        return None
    text: bytes | None
    if frame.path == _BATCH:
        found = rewrite_batch(frame, source_type=source_type)
        text, count = found if found is not None else (None, 0)
        position = Position(sequence, last_index, count - 1)
    else:
        text = rewrite_singles([frame for _, frame in run], source_type=source_type)
        count, position = len(run), Position(sequence, last_index, 0)
    if text is None or len(text) > MAX_PACK_BYTES or count > MAX_BATCH_MESSAGES:
        return None
    return Pack(text, count, position, run, source_type)


def _count_batch(frame: Frame) -> int:
    if frame.encoding == _IDENTITY:
        try:
            return len(_COUNT.decode(frame.body).batch)
        except (msgspec.DecodeError, RecursionError):
            pass
    return len(expand(frame.open(), sequence=0, index=0))
