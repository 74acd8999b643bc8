"""Dead letters: listed page by page, and put into the log again.

A letter goes into the log first and leaves its shelf afterwards, so a crash in between loses none:
it can be replayed once more, and the upstream gets it twice under one ``messageId``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firstparty.errors import NotFound, Refused
from firstparty.events.spool import Spool
from firstparty.forward.letters import DeadLetter, build_replay, decode_letter
from firstparty.model.workspaces import Source
from firstparty.spool.entries import build_group, encode_entry
from firstparty.spool.outcomes import Outcomes, Shelf

MAX_REPLAYED: Final = 5_000  # by one request
_LETTER_ID: Final = re.compile(r"(?P<source>[A-Za-z0-9_]{1,40})\.(?P<sequence>[0-9]{1,18})")
_READ_LETTERS: Final = 100
_MAX_GROUP_BYTES: Final = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLetter:
    """A dead letter on its shelf."""

    source: Source
    sequence: int
    letter: DeadLetter

    @property
    def id(self) -> str:
        """What a person calls it."""
        return f"{self.source.id}.{self.sequence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of a request to put letters in again.

    ``kept`` could not be read, and would not be the next time; ``is_more`` says that there are
    more letters than one request handles.
    """

    replayed: int
    kept: int
    is_more: bool


def parse_letter_id(text: str) -> tuple[str, int]:
    """The source's id and the place on its shelf; raises NotFound where it cannot be one."""
    found = _LETTER_ID.fullmatch(text)
    if found is None:
        raise NotFound("dead letter", text)
    return found["source"], int(found["sequence"])


async def list_letters(
    outcomes: Outcomes, sources: Sequence[Source], *, after: str, limit: int
) -> list[StoredLetter]:
    """Up to ``limit`` letters of these sources, which are in order, from after a letter's id."""
    source_id, sequence = parse_letter_id(after) if after else ("", 0)
    numbers = [source.number for source in sources if source.id == source_id]
    if source_id and not numbers:
        raise NotFound("dead letter", after)
    first = numbers[0] if numbers else 0
    counts = await outcomes.sources_on(Shelf.DEAD)
    found: list[StoredLetter] = []
    for source in sources:
        if source.number < first or source.number not in counts:
            continue
        start = sequence if source.number == first else 0
        found += await _read_letters(outcomes, source, after=start, limit=limit - len(found))
        if len(found) == limit:
            break
    return found


async def find_letter(outcomes: Outcomes, source: Source, sequence: int) -> StoredLetter:
    """One letter of this source; raises NotFound."""
    found = await _read_letters(outcomes, source, after=sequence - 1, limit=1)
    if not found or found[0].sequence != sequence:
        raise NotFound("dead letter", f"{source.id}.{sequence}")
    return found[0]


async def replay_letter(spool: Spool, stored: StoredLetter) -> None:
    """Put one letter in again; raises Refused for one that the upstream never saw."""
    if not stored.letter.can_be_replayed:
        raise Refused(
            "letter-unreadable",
            f"This message cannot be sent again, for it cannot be sent at all "
            f"({stored.letter.reason}). Export it, correct it, and send it to the tracking API.",
        )
    await _replay(spool, [stored])


async def replay_source(spool: Spool, source: Source) -> Replayed:
    """Put every letter of a source in again that is there now and can be sent; raises Unavailable.

    At most about MAX_REPLAYED: then again.
    """
    last = await spool.outcomes.last_sequence()
    after = replayed = kept = 0
    while replayed < MAX_REPLAYED:
        found = await _read_letters(spool.outcomes, source, after=after, limit=_READ_LETTERS)
        # What dies meanwhile is for the next request: two machines could do this for ever.
        found = [stored for stored in found if stored.sequence <= last]
        if not found:
            return Replayed(replayed=replayed, kept=kept, is_more=False)
        sendable = [stored for stored in found if stored.letter.can_be_replayed]
        await _replay(spool, sendable)
        replayed += len(sendable)
        kept += len(found) - len(sendable)
        after = found[-1].sequence
    return Replayed(replayed=replayed, kept=kept, is_more=True)


async def _replay(spool: Spool, letters: Sequence[StoredLetter]) -> None:
    group: list[StoredLetter] = []
    entries: list[bytes] = []
    for stored in letters:
        group.append(stored)
        entries.append(encode_entry(build_replay(stored.letter)))
        if sum(map(len, entries)) > _MAX_GROUP_BYTES:
            await _put(spool, group, entries)
            group, entries = [], []
    if group:
        await _put(spool, group, entries)


async def _put(spool: Spool, group: Sequence[StoredLetter], entries: Sequence[bytes]) -> None:
    await spool.log.append(build_group(entries))
    for stored in group:
        await spool.outcomes.remove_copy(stored.sequence)


async def _read_letters(
    outcomes: Outcomes, source: Source, *, after: int, limit: int
) -> list[StoredLetter]:
    found: list[StoredLetter] = []
    while len(found) < limit:
        copies = await outcomes.read_copies(
            Shelf.DEAD, source.number, after=after, max_copies=min(limit - len(found), 64)
        )
        if not copies:
            break
        found += [
            StoredLetter(source=source, sequence=copy.sequence, letter=decode_letter(copy.data))
            for copy in copies
        ]
        after = copies[-1].sequence
    return found
