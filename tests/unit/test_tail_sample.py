import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from firstparty.cli.event_text import describe_event
from firstparty.events.changes import describe_changes
from firstparty.events.sample import MAX_PENDING, MAX_SHOWN, MessageSeen, OutcomeSeen, Sample
from firstparty.forward.batch import Prepared, prepare
from firstparty.forward.expand import expand
from firstparty.forward.ledger import OutcomeRecord, SourceTotals
from firstparty.model.workspaces import Source, SourceType
from firstparty.spool.direct import StoredGroup
from firstparty.spool.entries import encode_group
from tests.forwarding import an_entry

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHOP = Source(
    id="src_1",
    number=1,
    workspace_id="wsp_1",
    name="Shop",
    type=SourceType.JAVASCRIPT,
    write_key="k",
    region="us",
    upstream="https://up.test",
    alias="a",
    created_at=NOW,
)


def a_group(sequence: int, *sizes: tuple[int, int]) -> StoredGroup:
    entries = [
        an_entry(number, {"batch": [{"type": "track", "event": "e"}] * size})
        for number, size in sizes
    ]
    return StoredGroup(sequence=sequence, data=encode_group(entries))


def a_record(*totals: SourceTotals) -> OutcomeRecord:
    return OutcomeRecord(at=NOW, counted_through=9, sources=list(totals))


def the_totals(dead: int, resolved: tuple[int, int, int]) -> SourceTotals:
    return SourceTotals(source=1, accepted=9, delivered=0, dead=dead, resolved=resolved)


def changes_of(body: object, source_type: str = "javascript") -> list[str]:
    (line,) = expand(an_entry(1, body), sequence=1, index=0)
    item = prepare(line, source_type=source_type)
    assert isinstance(item, Prepared)
    return describe_changes(line.raw, item.text)


def test_only_messages_of_the_sources_asked_for_are_shown() -> None:
    events = Sample({1: SHOP}).take(a_group(5, (2, 3), (1, 2)))

    assert [event.id for event in events if isinstance(event, MessageSeen)] == ["5.1.0", "5.1.1"]


def test_what_is_too_much_for_a_look_is_counted_and_the_next_look_shows_again() -> None:
    sample = Sample({1: SHOP})
    first = sample.take(a_group(5, (1, MAX_SHOWN + 7)))
    missed = sample.pop_missed()
    second = sample.take(a_group(6, (1, 2)))

    assert (len(first), missed, len(second), sample.pop_missed()) == (MAX_SHOWN, 7, 2, 0)


def test_a_record_settles_what_it_resolves_and_nothing_later() -> None:
    sample = Sample({1: SHOP})
    sample.take(a_group(5, (1, 3)))
    record = a_record(the_totals(1, (5, 0, 1)))
    numbers = sample.numbers_with_deaths(record)
    events = sample.settle(record, {1: {(5, 0, 1): "refused upstream: 400"}})

    assert numbers == [1]
    assert [(e.id, e.outcome, e.reason) for e in events if isinstance(e, OutcomeSeen)] == [
        ("5.0.0", "delivered", None),
        ("5.0.1", "dead", "refused upstream: 400"),
    ]
    assert sample.numbers_with_deaths(a_record(the_totals(1, (5, 0, 2)))) == []
    assert len(sample.settle(a_record(the_totals(1, (5, 0, 2))), {})) == 1


def test_however_long_nothing_is_delivered_what_is_remembered_is_bounded() -> None:
    sample = Sample({1: SHOP})
    for sequence in range(MAX_PENDING // MAX_SHOWN * 2):
        sample.take(a_group(sequence, (1, MAX_SHOWN)))
        sample.pop_missed()

    settled = sample.settle(a_record(the_totals(0, (10**9, 0, 0))), {})
    assert len(settled) == MAX_PENDING


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"batch": [{"type": "track"}]}, "messageId added"),
        ({"batch": [{"type": "track"}]}, "timestamp set to the time of arrival"),
        ({"batch": [{"type": "track"}]}, "context.ip set to the visitor's address"),
        ({"batch": [{"type": "track"}], "context": {"a": 1}}, "context taken from the batch"),
        ({"batch": [{"type": "track", "writeKey": "k"}]}, "writeKey left out"),
    ],
)
def test_what_was_done_to_a_message_is_told(body: object, wanted: str) -> None:
    assert wanted in changes_of(body)


def test_a_message_that_goes_as_it_came_has_no_change_to_tell() -> None:
    whole = {"type": "track", "messageId": "m", "timestamp": "2026-11-22T12:00:00Z"}

    assert changes_of({"batch": [whole]}, "python") == []


def test_a_corrected_clock_is_told_in_seconds() -> None:
    entry = an_entry(1, b"")
    hour = timedelta(hours=1)
    sent_at = (entry.received_at - hour).isoformat()
    message = {
        "messageId": "m",
        "timestamp": sent_at,
        "type": "track",
        "context": {"ip": "::1", "userAgent": "x"},
    }
    (change,) = changes_of({"batch": [message], "sentAt": sent_at})

    assert change.startswith("timestamp corrected by +3600.")


def test_every_event_has_words_for_people() -> None:
    sample = Sample({1: SHOP})
    (seen,) = sample.take(a_group(5, (1, 1)))
    (outcome,) = sample.settle(a_record(the_totals(1, (5, 0, 0))), {1: {(5, 0, 0): "no"}})
    told = [describe_event(json.loads(msgspec.json.encode(one))) for one in (seen, outcome)]

    assert told[0][0].endswith("src_1  track e")
    assert "messageId added" in told[0][1]
    assert told[1] == ["12:00:00  5.0.0           dead: no"]
    assert describe_event({"event": "skipped", "messages": 1200, "groups": 0}) == [
        "          1,200 messages not shown"
    ]
