"""Long batches checked the quick way mean what they mean the slow way."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstparty.ingest.answers import Refusal
from firstparty.ingest.bodies import parse_body
from firstparty.ingest.long_bodies import MIN_BYTES, find_write_key
from firstparty.model.messages import Encoding, Path

pytest.importorskip("simdjson")

FILLER = b'{"event":"' + b"x" * MIN_BYTES + b'"}'
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
names = st.sampled_from(["batch", "writeKey", "sentAt", "context"]) | st.text(max_size=4)
members = st.lists(st.tuples(names, values | st.just([])), max_size=6)


def text_of(pairs: list[tuple[str, object]]) -> bytes:
    """An object with these members, also with a name that comes twice."""
    return b"{%b}" % b",".join(
        json.dumps(name).encode() + b":" + json.dumps(value).encode() for name, value in pairs
    )


def slow(text: bytes) -> object:
    """What the body means by msgspec alone; False where it is not taken."""
    try:
        text.decode()
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    if not isinstance(found, dict) or not isinstance(found.get("batch"), list):
        return False
    return (found.get("writeKey"),)


@settings(max_examples=300)
@given(members, st.data())
def test_what_the_quick_way_takes_means_the_same_the_slow_way(
    pairs: list[tuple[str, object]], data: st.DataObject
) -> None:
    text = text_of(pairs)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.binary(max_size=3)) + text[at + 1 :]
    known = find_write_key(text)

    assert known is None or known == slow(text)


def test_the_usual_batch_is_taken_the_quick_way() -> None:
    text = b'{"batch":[%b],"sentAt":"2026-11-21T23:00:00Z","writeKey":"WK"}' % FILLER

    assert find_write_key(text) == ("WK",)
    assert find_write_key(b'{"batch":[%b]}' % FILLER) == (None,)


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(b'[{"total":1e400},%b]', id="a number out of range"),
        pytest.param(b'[{"total":123456789012345678901234567890},%b]', id="a big integer"),
        pytest.param(rb'[{"name":"\ud83d"},%b]', id="half a surrogate pair"),
        pytest.param(b'[%b],"batch":[]', id="a name that comes twice"),
    ],
)
def test_a_batch_that_only_the_slow_way_takes_is_taken(batch: bytes) -> None:
    text = b'{"writeKey":"WK","batch":' + batch.replace(b"%b", FILLER) + b"}"

    assert find_write_key(text) is None
    assert parse_body(text, b"", Path.BATCH) == (Encoding.IDENTITY, "WK")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(b'\xef\xbb\xbf{"batch":[%b]}', "invalid_json", id="a byte order mark"),
        pytest.param(b'{"batch":[%b]} x', "invalid_json", id="more behind the end"),
        pytest.param(b'{"batch":[%b,"\xff"]}', "invalid_json", id="no UTF-8"),
        pytest.param(b'{"batch":{"a":%b}}', "no_batch", id="no list"),
        pytest.param(b"[%b]", "not_an_object", id="no object"),
        pytest.param(b'{"batch":[%b],"batch":5}', "no_batch", id="a list and then none"),
    ],
)
def test_a_long_body_that_is_no_batch_is_refused_in_the_same_words(text: bytes, code: str) -> None:
    refusal = parse_body(text.replace(b"%b", FILLER), b"", Path.BATCH)

    assert isinstance(refusal, Refusal)
    assert refusal.code == code
