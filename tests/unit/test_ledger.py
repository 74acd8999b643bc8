from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from firstparty.forward.expand import Position
from firstparty.forward.ledger import Ledger, OutcomeRecord, fold

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_what_waits_keeps_its_group_and_all_after_it_in_the_log() -> None:
    ledger = Ledger()
    ledger.count(1, 2)
    ledger.found_waiting(1, sequence=5)
    ledger.resolve(1, Position(5, 0, 0), delivered=1, dead=0)

    assert ledger.resolved_through(read_through=9) == 4
    ledger.resolve(1, Position(7, 0, 0), delivered=1, dead=0)
    assert ledger.resolved_through(read_through=9) == 9


def test_the_source_that_waits_longest_decides() -> None:
    ledger = Ledger()
    for source, sequence in ((1, 8), (2, 3), (3, 6)):
        ledger.count(source, 1)
        ledger.found_waiting(source, sequence=sequence)

    assert ledger.resolved_through(read_through=9) == 2


def test_a_record_holds_only_what_changed_since_the_last_one() -> None:
    ledger = Ledger()
    ledger.count(1, 1)
    ledger.record(now=NOW)
    ledger.count(2, 1)

    assert [totals.source for totals in ledger.record(now=NOW).sources] == [2]
    assert [totals.source for totals in ledger.record(now=NOW, is_whole=True).sources] == [1, 2]


STEPS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(0, 9)), max_size=30)


@given(STEPS, st.integers(0, 30))
def test_folding_the_records_gives_the_ledger_whatever_is_read_twice(
    steps: list[tuple[int, int, int]], again: int
) -> None:
    ledger, records = Ledger(), []
    for sequence, (source, accepted, resolved) in enumerate(steps, start=1):
        ledger.count(source, accepted)
        ledger.counted_through = sequence
        done = min(resolved, ledger.account(source).waiting)
        through = Position(sequence, 0, 0)
        ledger.resolve(source, through, delivered=done // 2, dead=done - done // 2)
        wire = msgspec.msgpack.encode(ledger.record(now=NOW))
        records.append(msgspec.msgpack.decode(wire, type=OutcomeRecord))
    folded = fold(records[:again] + records)

    assert folded.counted_through == ledger.counted_through
    for source, account in ledger.accounts.items():
        found = folded.account(source)
        assert (found.accepted, found.delivered, found.dead, found.resolved) == (
            account.accepted,
            account.delivered,
            account.dead,
            account.resolved,
        )
