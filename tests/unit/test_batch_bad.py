"""Bodies and messages that are not what they should be, and what is made of them."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.forward.batch import (
    Prepared,
    build_batch,
    prepare,
)
from firstparty.forward.expand import BadMessage
from firstparty.model.messages import MAX_BATCH_BYTES, Encoding, Path
from firstparty.spool.entries import Entry
from tests.batching import RECEIVED, an_entry, opened, sent


def reasons(entry: Entry) -> list[str]:
    return [line.reason if isinstance(line, BadMessage) else "" for line in opened(entry)]


@pytest.mark.parametrize("context", [[1], "text", 5, True])
def test_a_context_that_is_no_object_is_the_upstreams_to_judge(context: Any) -> None:
    entry = an_entry({"batch": [{"context": context}], "context": {"a": 1}})

    assert sent(entry, source_type="javascript")[0]["context"] == context


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (b"{", Encoding.IDENTITY, "not JSON"),
        (b"", Encoding.IDENTITY, "not JSON"),
        (b"[]", Encoding.IDENTITY, "array `batch`"),
        (b'{"batch": {}}', Encoding.IDENTITY, "array `batch`"),
        (b"[" * 100_000, Encoding.IDENTITY, "unreadable"),
        (b'{"batch":' + b"[" * 50_000 + b"]" * 50_000 + b"}", Encoding.IDENTITY, "not JSON"),
        (b"plain", Encoding.GZIP, "not gzip"),
        (gzip.compress(b'{"batch":[]}', mtime=0)[:-4], Encoding.GZIP, "cut off"),
        (gzip.compress(b" " * (MAX_BATCH_BYTES + 1)), Encoding.GZIP, "too large"),
    ],
)
def test_a_body_that_cannot_be_read_is_one_bad_message(
    body: bytes, encoding: Encoding, reason: str
) -> None:
    (line,) = opened(an_entry(body, encoding=encoding))

    assert isinstance(line, BadMessage)
    assert reason in line.reason
    assert line.raw == body


def test_bad_messages_do_not_spoil_their_batch() -> None:
    big = json.dumps({"messageId": "big", "x": "y" * 32_768}).encode()
    entry = an_entry(
        b'{"batch":[{"messageId":"m1"},7,' + big + b',{"x":"\xff"},{"messageId":"m2"}]}'
    )

    assert [r.partition(":")[0] for r in reasons(entry)] == [
        "",
        "unreadable",
        "too large",
        "unreadable",
        "",
    ]
    assert [message["messageId"] for message in sent(entry)] == ["m1", "m2"]


def test_half_an_emoji_is_replaced_and_everything_else_kept() -> None:
    raw = (
        rb'{"batch":[{"messageId":"m1","a":"cut \ud83d",'
        rb'"b":"\ud83d\ude00","c":"\\ud83d","d":"\udc00"}]}'
    )
    (message,) = sent(an_entry(raw))

    assert (message["a"], message["b"], message["c"], message["d"]) == (
        "cut \ufffd",
        "\U0001f600",
        "\\ud83d",
        "\ufffd",
    )


@given(st.binary(max_size=200), st.sampled_from(Path), st.sampled_from(Encoding))
def test_any_bytes_are_messages_or_bad_messages_and_counted_alike(
    body: bytes, path: Path, encoding: Encoding
) -> None:
    lines = opened(an_entry(body, path=path, encoding=encoding))
    items = [prepare(line, source_type="javascript") for line in lines]
    bodies = [item.text for item in items if isinstance(item, Prepared)]

    json.loads(build_batch(bodies, sent_at=RECEIVED, write_key="WK"))
    assert len(items) == len(opened(an_entry(body, path=path, encoding=encoding)))
