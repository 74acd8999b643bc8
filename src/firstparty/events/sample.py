"""Which messages a tail shows, and what it knows of each until its outcome. Pure."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from firstparty.events.changes import describe_changes
from firstparty.forward.batch import Prepared, prepare
from firstparty.forward.expand import Line
from firstparty.forward.groups import open_group
from firstparty.forward.ledger import OutcomeRecord
from firstparty.model.workspaces import Source
from firstparty.spool.direct import StoredGroup

MAX_SHOWN: Final = 20  # messages a look, five looks a second
MAX_PENDING: Final = 2_000  # shown, and without outcome: of older ones none is told


class MessageSeen(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="message"):
    """A message that arrived. ``body`` is what goes upstream; ``reason`` why nothing can.

    ``changes`` says what was done to it. ``id`` is its place in the log.
    """

    id: str
    source_id: str
    received_at: datetime
    path: str
    is_replayed: bool
    changes: list[str]
    body: msgspec.Raw | None = None
    reason: str | None = None


class OutcomeSeen(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="outcome"):
    """What became of a message that was shown. ``reason`` says why it is dead."""

    id: str
    source_id: str
    outcome: Literal["delivered", "dead"]
    at: datetime
    reason: str | None = None


class Skipped(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="skipped"):
    """What was not shown since the last of these: messages, and groups not even looked into."""

    messages: int
    groups: int


Event = MessageSeen | OutcomeSeen | Skipped
Letters = Mapping[int, Mapping[tuple[int, int, int], str]]


class Sample:
    """Some of the messages of some sources, by source number."""

    def __init__(self, sources: Mapping[int, Source]) -> None:
        self._sources = sources
        self._pending: OrderedDict[tuple[int, tuple[int, int, int]], str] = OrderedDict()
        self._dead: dict[int, int] = {}
        self._room = MAX_SHOWN
        self._missed = 0

    def take(self, group: StoredGroup) -> list[Event]:
        """The messages of a group that are shown: the first ones of each look."""
        events: list[Event] = []
        for number, lines in open_group(group).items():
            source = self._sources.get(number)
            if source is None:
                continue
            shown = lines[: self._room]
            self._room -= len(shown)
            self._missed += len(lines) - len(shown)
            for line in shown:
                events.append(_show(line, source))
                self._pending[number, line.position] = source.id
        while len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)
        return events

    def pop_missed(self) -> int:
        """How many messages this look did not show; the next look begins."""
        missed, self._missed, self._room = self._missed, 0, MAX_SHOWN
        return missed

    def numbers_with_deaths(self, record: OutcomeRecord) -> list[int]:
        """The sources with pending messages, some of which may have died by this record."""
        pending = {number for number, _ in self._pending}
        return [
            totals.source
            for totals in record.sources
            if totals.source in pending and totals.dead != self._dead.get(totals.source)
        ]

    def settle(self, record: OutcomeRecord, letters: Letters) -> list[Event]:
        """The outcomes that a record tells, with the letters of those that died by it."""
        events: list[Event] = []
        for totals in record.sources:
            number = totals.source
            self._dead[number] = totals.dead
            done = [key for key in self._pending if key[0] == number and key[1] <= totals.resolved]
            for key in done:
                reason = letters.get(number, {}).get(key[1])
                events.append(
                    OutcomeSeen(
                        id=_name(key[1]),
                        source_id=self._pending.pop(key),
                        outcome="delivered" if reason is None else "dead",
                        at=record.at,
                        reason=reason,
                    )
                )
        return events


def _show(line: Line, source: Source) -> MessageSeen:
    item = prepare(line, source_type=source.type)
    facts: dict[str, Any] = {
        "id": _name(line.position),
        "source_id": source.id,
        "received_at": line.origin.entry.received_at,
        "path": line.origin.entry.path.name.lower(),
        "is_replayed": line.origin.replayed_index is not None,
    }
    if isinstance(item, Prepared):
        changes = describe_changes(line.raw, item.text)
        return MessageSeen(**facts, changes=changes, body=msgspec.Raw(item.text))
    return MessageSeen(**facts, changes=[], reason=item.reason)


def _name(position: tuple[int, int, int]) -> str:
    return ".".join(map(str, position))
