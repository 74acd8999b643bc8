"""Messages rewritten many at once, beside the same messages one after the other."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.forward.batch import Item, Pack, Prepared, count_messages, prepare
from firstparty.forward.expand import BadMessage, Position, expand
from firstparty.forward.packing import (
    IndexedFrame,
    count_frames,
    count_replayed,
    pack_frames,
    unpack,
)
from firstparty.model.messages import MAX_MESSAGE_BYTES, Encoding, Path
from firstparty.spool.entries import Entry, encode_group, split_group
from tests import batching

START = Position(0, 0, 0)
SINGLES = [path for path in Path if path is not Path.BATCH]
USUAL = {
    "messageId": "m1",
    "timestamp": "2026-11-21T12:00:00.123Z",
    "sentAt": "2026-11-21T12:00:01.5+01:00",
    "writeKey": "WK",
    "event": "Häuser",
    "context": {"library": {"name": "x", "ip": "no"}},
    "_metadata": {"bundled": []},
}
an_entry = partial(batching.an_entry, path=Path.TRACK)


def frames_of(entries: Sequence[Entry]) -> list[IndexedFrame]:
    return list(enumerate(split_group(encode_group(entries))))


def packed(entries: Sequence[Entry], source_type: str, after: Position = START) -> list[Item]:
    frames = frames_of(entries)
    return pack_frames(frames, sequence=3, source_type=source_type, after=after)


def one_by_one(entries: Sequence[Entry], source_type: str) -> list[Prepared | BadMessage]:
    return [
        prepare(line, source_type=source_type)
        for index, entry in enumerate(entries)
        for line in expand(entry, sequence=3, index=index)
    ]


def read(items: Sequence[Item]) -> list[Any]:
    """What these say, times as instants; a bad message is its reason."""
    found: list[Any] = []
    for item in items:
        if isinstance(item, BadMessage):
            found.append((item.position, item.reason))
        else:
            found += [_with_time(message) for message in json.loads(b"[%b]" % item.text)]
    return found


def _with_time(message: dict[str, Any]) -> dict[str, Any]:
    try:
        at = datetime.fromisoformat(message["timestamp"])
    except (ValueError, TypeError):
        return message
    return message | {"timestamp": at if at.tzinfo else at.replace(tzinfo=UTC)}


INSTANT = st.builds(
    lambda at, zone: at.isoformat() + zone,
    st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)),  # noqa: DTZ001 - zones are added
    st.sampled_from(["", "Z", "+00:00", "+05:30"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.fixed_dictionaries(
    {"messageId": st.sampled_from(["m1", "m2"]) | JSON},
    optional={
        "timestamp": INSTANT | JSON,
        "sentAt": INSTANT | JSON,
        "writeKey": JSON,
        "type": JSON,
        "event": JSON,
        "userId": JSON,
        "integrations": JSON,
        "context": JSON
        | st.dictionaries(st.sampled_from(["ip", "userAgent", "direct", "app"]), JSON, max_size=3),
        "custom": JSON,
    },
)
BODIES = (
    MESSAGES.map(json.dumps).map(str.encode)
    | MESSAGES.map(lambda m: json.dumps(m, ensure_ascii=False, indent=1).encode("utf-8", "replace"))
    | st.sampled_from([b"", b"{", b'{"messageId":"m1"', b"[1]", b'"', b'{"event":"\xff"}'])
)
AGENTS = st.sampled_from(["", "test", 'Mozilla/5.0 "ü"', "x" * 2_000])
SINGLE_ENTRIES = st.builds(an_entry, BODIES, path=st.sampled_from(SINGLES), user_agent=AGENTS)
BATCH_ENTRIES = st.builds(
    an_entry,
    st.fixed_dictionaries(
        {"batch": st.lists(MESSAGES | JSON, max_size=4) | st.lists(MESSAGES, max_size=4)},
        optional={
            "sentAt": INSTANT | JSON,
            "context": st.dictionaries(st.sampled_from(["ip", "app"]), JSON, max_size=2) | JSON,
            "integrations": JSON,
        },
    ),
    path=st.just(Path.BATCH),
    user_agent=AGENTS,
)
GROUPS = st.lists(SINGLE_ENTRIES | BATCH_ENTRIES, min_size=1, max_size=6)


@given(GROUPS, st.sampled_from(["javascript", "python"]))
def test_many_at_once_say_what_one_by_one_says(entries: list[Entry], source_type: str) -> None:
    together, apart = packed(entries, source_type), one_by_one(entries, source_type)

    assert read(together) == read(apart)
    assert count_messages(together) == len(apart)
    assert (len(apart), 0) == count_frames(frames_of(entries))
    assert [item.position for item in together] == sorted({item.position for item in together})
    if together:
        assert together[-1].position == apart[-1].position


@given(GROUPS, st.integers(0, 8), st.integers(0, 4))
def test_what_is_resolved_already_is_left_out(entries: list[Entry], entry: int, at: int) -> None:
    after = Position(3, entry, at)
    apart = [item for item in one_by_one(entries, "python") if item.position > after]

    assert read(packed(entries, "python", after)) == read(apart)


@pytest.mark.parametrize("source_type", ["javascript", "python"])
@pytest.mark.parametrize("encoding", [Encoding.IDENTITY, Encoding.GZIP])
def test_the_usual_is_one_text_that_can_be_taken_apart(
    source_type: str, encoding: Encoding
) -> None:
    body = json.dumps(USUAL).encode()
    if encoding is Encoding.GZIP:
        body = gzip.compress(body)
    entries = [an_entry(body, encoding=encoding) for _ in range(10)]
    (pack,) = packed(entries, source_type)

    assert isinstance(pack, Pack)
    assert pack.count == 10
    assert pack.position == Position(3, 9, 0)
    assert read(unpack(pack)) == read([pack])


def test_one_batch_is_one_text() -> None:
    shared = {"sentAt": "2026-11-21T12:00:01Z", "context": {"library": {"name": "go"}}}
    message = {"messageId": "m1", "timestamp": "2026-11-21T12:00:00Z"}
    entry = an_entry({"batch": [message] * 200} | shared, path=Path.BATCH)
    (pack,) = packed([entry], "go")

    assert isinstance(pack, Pack)
    assert (pack.count, pack.position) == (200, Position(3, 0, 199))
    assert len(unpack(pack)) == 200


@pytest.mark.parametrize(
    "body", [b'{"messageId":"m1","event":["x"', b'{"messageId":"m1"},{"messageId":"m2"}']
)
def test_what_is_no_json_by_itself_takes_nothing_of_its_neighbours(body: bytes) -> None:
    good = json.dumps(USUAL).encode()
    entries = [an_entry(text) for text in (good, body, good, b"]}", good)]
    items = packed(entries, "javascript")

    assert [isinstance(item, BadMessage) for item in items] == [False, True, False, True, False]


def test_a_message_that_is_too_large_is_found_among_others() -> None:
    big = USUAL | {"event": "x" * MAX_MESSAGE_BYTES}
    single = packed([an_entry(USUAL), an_entry(big)], "python")
    batch = packed([an_entry({"batch": [USUAL, big, USUAL]}, path=Path.BATCH)], "python")

    assert [isinstance(item, BadMessage) for item in single] == [False, True]
    assert [isinstance(item, BadMessage) for item in batch] == [False, True, False]


def test_dead_letters_that_were_put_in_again_are_counted_apart() -> None:
    unreadable = an_entry(b"no letter", encoding=Encoding.LETTER)
    items = packed([unreadable, an_entry(USUAL)], "python")

    assert count_frames(frames_of([unreadable, an_entry(USUAL)])) == (2, 0)
    assert count_replayed(items) == 0
    assert isinstance(items[0], BadMessage)
