"""What became of each source's messages, and the records from which that is known again. Pure.

For each source ``accepted = delivered + waiting + dead + expired - replayed``, in messages: a dead
letter that is put into the log again is not accepted again, and has one fate more than it was
accepted. Numbers only grow, but for ``waiting``. A record holds the totals of the sources that
changed, and how far the log has been counted: totals, not steps, so that reading a record twice
changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from firstparty.forward.expand import BadMessage, Position
from firstparty.forward.letters import DeadLetter
from firstparty.spool.entries import Entry, encode_entry

RECORD_VERSION: Final = 1
NOWHERE: Final = Position(0, 0, 0)


class SourceTotals(msgspec.Struct, frozen=True, array_like=True):
    """One source in a record. Every message up to ``resolved`` is delivered, dead or expired.

    What waits in groups up to ``held_through`` lies on the source's own shelf.
    """

    source: int
    accepted: int
    delivered: int
    dead: int
    resolved: tuple[int, int, int]
    replayed: int = 0
    expired: int = 0
    held_through: int = 0


class OutcomeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome record: totals as of ``counted_through``, the last log sequence counted."""

    version: int = RECORD_VERSION
    at: datetime
    counted_through: int
    sources: list[SourceTotals]


@dataclass(slots=True, kw_only=True)
class Account:
    """One source's totals as they grow. ``first_waiting`` is a sequence that none is below."""

    accepted: int = 0
    delivered: int = 0
    dead: int = 0
    expired: int = 0
    replayed: int = 0
    resolved: Position = NOWHERE
    held_through: int = 0
    first_waiting: int | None = None

    @property
    def waiting(self) -> int:
        """Messages in the log, or held, that are neither delivered nor dead nor expired."""
        return self.accepted + self.replayed - self.delivered - self.dead - self.expired


class Ledger:
    """Every source's account, and how far the log has been counted."""

    def __init__(self) -> None:
        self.counted_through = 0
        self.accounts: dict[int, Account] = {}
        self._changed: set[int] = set()

    @property
    def has_changes(self) -> bool:
        """Whether anything happened that no record has yet."""
        return bool(self._changed)

    def account(self, source: int) -> Account:
        """The account of this source, opened where there was none."""
        return self.accounts.setdefault(source, Account())

    def apply(self, record: OutcomeRecord) -> None:
        """Take in what a record says."""
        self.counted_through = record.counted_through
        for totals in record.sources:
            self.accounts[totals.source] = Account(
                accepted=totals.accepted,
                delivered=totals.delivered,
                dead=totals.dead,
                expired=totals.expired,
                replayed=totals.replayed,
                resolved=Position(*totals.resolved),
                held_through=totals.held_through,
            )

    def count(self, source: int, messages: int, *, replayed: int = 0) -> None:
        """Messages of this source were found in the log, beyond what was counted.

        ``replayed`` of them are dead letters that were put in again.
        """
        account = self.account(source)
        account.accepted += messages - replayed
        account.replayed += replayed
        self._changed.add(source)

    def found_waiting(self, source: int, *, sequence: int) -> None:
        """The group ``sequence`` has messages of this source that are not resolved."""
        account = self.account(source)
        if account.first_waiting is None:
            account.first_waiting = max(sequence, account.held_through + 1)

    def resolve(
        self, source: int, through: Position, *, delivered: int, dead: int, expired: int = 0
    ) -> None:
        """Everything of this source up to ``through`` has its outcome, so many each."""
        account = self.account(source)
        account.delivered += delivered
        account.dead += dead
        account.expired += expired
        account.resolved = through
        # The next one that waits in the log may lie later, never earlier.
        next_one = max(through.sequence, account.held_through + 1)
        account.first_waiting = next_one if account.waiting else None
        self._changed.add(source)

    def kept_through(self, source: int, *, read_through: int) -> int:
        """The last group that need not be kept in the log for this source."""
        account = self.account(source)
        first = account.first_waiting
        return max(account.held_through, read_through if first is None else first - 1)

    def hold(self, source: int, *, through: int) -> None:
        """What waits of this source in groups up to ``through`` lies on its shelf."""
        account = self.account(source)
        account.held_through = max(account.held_through, through)
        if account.first_waiting is not None:
            account.first_waiting = max(account.first_waiting, through + 1)
        self._changed.add(source)

    def record(self, *, now: datetime, is_whole: bool = False) -> OutcomeRecord:
        """What changed since the last record (or everything), as a record."""
        numbers = sorted(self.accounts if is_whole else self._changed)
        self._changed.clear()
        return OutcomeRecord(
            at=now,
            counted_through=self.counted_through,
            sources=[_totals(number, self.accounts[number]) for number in numbers],
        )

    def resolved_through(self, *, read_through: int) -> int:
        """The last sequence of the log that nothing waits in; never beyond ``read_through``."""
        first = min(
            (a.first_waiting for a in self.accounts.values() if a.first_waiting is not None),
            default=read_through + 1,
        )
        return min(first - 1, read_through)

    def start_over(self) -> None:
        """Another log has taken the place of the one that the positions were of."""
        self.counted_through = 0
        for account in self.accounts.values():
            account.resolved = NOWHERE
            account.held_through = 0
            account.accepted = account.delivered + account.dead + account.expired - account.replayed


def fold(records: Iterable[OutcomeRecord]) -> Ledger:
    """The ledger as of the last of these records, which are in order."""
    ledger = Ledger()
    for record in records:
        ledger.apply(record)
    return ledger


def build_dead_letter(bad: BadMessage, *, source: int, now: datetime) -> DeadLetter:
    """What is kept of a message that will not be delivered."""
    entry, origin = bad.origin.entry, bad.origin
    return DeadLetter(
        source=source,
        position=bad.position,
        reason=bad.reason,
        died_at=now.astimezone(UTC),
        request=encode_entry(_without_body(entry)),
        message=bad.raw,
        sent_at=origin.sent_at,
        context=None if origin.context is None else bytes(origin.context),
        integrations=None if origin.integrations is None else bytes(origin.integrations),
        index=origin.replayed_index,
    )


def _without_body(entry: Entry) -> Entry:
    return Entry(
        id=entry.id,
        received_at=entry.received_at,
        source=entry.source,
        path=entry.path,
        encoding=entry.encoding,
        client_address=entry.client_address,
        user_agent=entry.user_agent,
        body=b"",
    )


def _totals(number: int, account: Account) -> SourceTotals:
    return SourceTotals(
        source=number,
        accepted=account.accepted,
        delivered=account.delivered,
        dead=account.dead,
        resolved=account.resolved,
        replayed=account.replayed,
        expired=account.expired,
        held_through=account.held_through,
    )
