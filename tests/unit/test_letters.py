import json
from datetime import UTC, datetime, timedelta

import pytest

from firstparty.forward.batch import Prepared, prepare
from firstparty.forward.delivery import Answer, Dead, judge
from firstparty.forward.expand import BadMessage, Message, expand
from firstparty.forward.ledger import build_dead_letter
from firstparty.forward.letters import DeadLetter, build_replay
from firstparty.forward.packing import count_replayed
from firstparty.model.messages import Encoding, Path
from firstparty.spool.entries import Entry, decode_group, encode_group
from tests.forwarding import an_entry

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def die(
    line: Message | BadMessage, reason: str = "refused upstream: 400 Bad Request"
) -> DeadLetter:
    bad = BadMessage(position=line.position, origin=line.origin, raw=line.raw, reason=reason)
    return build_dead_letter(bad, source=1, now=NOW)


def goes_upstream(line: Message | BadMessage) -> bytes:
    item = prepare(line, source_type="javascript")
    assert isinstance(item, Prepared)
    return item.text


BODY = {
    "batch": [{"type": "track", "event": "a"}, {"type": "track", "event": "b", "timestamp": "x"}],
    "sentAt": "2026-11-21T00:00:00Z",
    "context": {"app": 1},
    "integrations": {"All": False},
}


@pytest.mark.parametrize(
    "entry",
    [an_entry(1, BODY), an_entry(1, {"event": "c"}, path=Path.TRACK)],
    ids=["batch", "track"],
)
def test_a_replayed_message_goes_upstream_byte_for_byte_as_it_would_have(entry: Entry) -> None:
    (entry,) = decode_group(encode_group([entry]))  # the log knows milliseconds
    first = expand(entry, sequence=5, index=2)[-1]
    (again,) = expand(build_replay(die(first)), sequence=900, index=0)

    assert goes_upstream(again) == goes_upstream(first)
    assert json.loads(goes_upstream(again))["messageId"].startswith("fp-")


def test_a_message_that_dies_twice_still_goes_upstream_as_it_would_have() -> None:
    first = expand(an_entry(1, BODY), sequence=5, index=2)[-1]
    (second,) = expand(build_replay(die(first)), sequence=900, index=0)
    (third,) = expand(build_replay(die(second)), sequence=1_800, index=3)

    assert goes_upstream(third) == goes_upstream(first)


def test_replayed_messages_are_told_from_those_that_were_accepted() -> None:
    first = expand(an_entry(1, BODY), sequence=5, index=0)
    again = expand(build_replay(die(first[0])), sequence=6, index=0)

    items = [prepare(line, source_type="python") for line in (*first, *again)]
    assert count_replayed(items[:-1]) == 0
    assert count_replayed(items) == 1


def test_an_entry_that_claims_to_be_a_letter_and_is_none_is_one_bad_message() -> None:
    entry = an_entry(1, b"{}")
    entry = Entry(
        **{name: getattr(entry, name) for name in entry.__slots__} | {"encoding": Encoding.LETTER}
    )

    (line,) = expand(entry, sequence=1, index=0)
    assert isinstance(line, BadMessage)


def test_what_the_upstream_refused_can_be_replayed_and_what_is_unreadable_cannot() -> None:
    outcome = judge(Answer(status=422), messages=1, failures=0, jitter=1, now=NOW)
    readable, unreadable = expand(an_entry(1, {"batch": [{}, 7]}), sequence=1, index=0)

    assert isinstance(outcome, Dead)
    assert isinstance(unreadable, BadMessage)
    assert die(readable, outcome.reason).can_be_replayed
    assert not die(unreadable, unreadable.reason).can_be_replayed


def test_a_letter_keeps_when_its_message_was_received() -> None:
    first = expand(an_entry(1, BODY), sequence=5, index=0)[0]
    (again,) = expand(build_replay(die(first)), sequence=6, index=0)

    assert first.origin.entry.received_at - again.origin.entry.received_at < timedelta(
        seconds=0.001
    )
