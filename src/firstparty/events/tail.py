"""Messages as they arrive, and what becomes of them: a reader like any other, a sample under load.

Nobody waits for it. It reads the log and the outcome records a few times a second, a bounded part
each time; what it does not show it counts.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from datetime import timedelta
from typing import Final

import msgspec

from firstparty.events.sample import Event, Sample, Skipped
from firstparty.events.spool import Spool
from firstparty.forward.ledger import OutcomeRecord
from firstparty.forward.letters import decode_letter
from firstparty.model.workspaces import Source
from firstparty.spool.outcomes import Shelf

LOOK_EVERY: Final = timedelta(seconds=0.2)  # the log keeps what was delivered for longer
_READ_GROUPS: Final = 64
_READ_BYTES: Final = 256 * 1024
_MAX_LETTERS: Final = 100


async def follow(spool: Spool, sources: Iterable[Source]) -> AsyncGenerator[list[Event], None]:
    """What happens to messages of these sources from now on; often nothing. Raises Unavailable.

    Ends never; one list comes every LOOK_EVERY, the first, empty, once "now" is known.
    """
    sample = Sample({source.number: source for source in sources})
    reached = (await spool.log.state()).last
    newest = await spool.outcomes.last()
    recorded = newest.sequence if newest else 0
    yield []
    while True:
        events, reached = await _read_log(spool, sample, after=reached)
        for stored in await spool.outcomes.read(after=recorded):
            record = msgspec.msgpack.decode(stored.data, type=OutcomeRecord)
            letters = await _read_letters(spool, sample.numbers_with_deaths(record), recorded)
            events += sample.settle(record, letters)
            recorded = stored.sequence
        yield events
        await asyncio.sleep(LOOK_EVERY.total_seconds())


async def _read_log(spool: Spool, sample: Sample, *, after: int) -> tuple[list[Event], int]:
    """Some of what follows group ``after``, and how far to consider the log seen."""
    groups = await spool.log.read(after=after, max_groups=_READ_GROUPS, max_bytes=_READ_BYTES)
    last = (await spool.log.state()).last
    events = [event for group in groups for event in sample.take(group)]
    # A log that ends earlier than it did is another one.
    reached = groups[-1].sequence if groups else min(after, last)
    if last - reached > _READ_GROUPS:  # more than can be shown: go on with what is new
        reached = last
    messages, unseen = sample.pop_missed(), max(reached - after, 0) - len(groups)
    if messages or unseen:
        events.append(Skipped(messages=messages, groups=unseen))
    return events, reached


async def _read_letters(
    spool: Spool, numbers: Iterable[int], after: int
) -> Mapping[int, Mapping[tuple[int, int, int], str]]:
    """Why messages died, by source and position, of those whose letters came after ``after``."""
    found = {}
    for number in numbers:
        copies = await spool.outcomes.read_copies(
            Shelf.DEAD, number, after=after, max_copies=_MAX_LETTERS
        )
        letters = [decode_letter(copy.data) for copy in copies]
        found[number] = {letter.position: letter.reason for letter in letters}
    return found
