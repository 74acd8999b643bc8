import gzip
import ipaddress
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.forward.batch import (
    MAX_BODY_BYTES,
    Prepared,
    build_batch,
    count_fitting,
    prepare,
)
from firstparty.model.messages import MAX_BATCH_MESSAGES, Encoding, Path
from tests.batching import RECEIVED, an_entry, for_python, opened, sent


def test_a_batch_says_when_it_is_sent_and_whose_it_is() -> None:
    at = datetime(2026, 11, 21, 13, tzinfo=UTC)
    body = json.loads(build_batch([b'{"a":1}', b'{"b":2}'], sent_at=at, write_key='k"'))

    assert body == {
        "batch": [{"a": 1}, {"b": 2}],
        "sentAt": "2026-11-21T13:00:00.000Z",
        "writeKey": 'k"',
    }


def test_messages_keep_their_order_their_ids_and_their_bytes() -> None:
    raw = b'{"messageId":"m%d","timestamp":"2026-11-21T12:00:00.000Z","n":1.50,"e":"\\u00e9" }'
    entry = an_entry(b'{"batch":[' + b",".join(raw % n for n in range(3)) + b"]}")
    items = [prepare(line, source_type="python") for line in opened(entry)]

    bodies = [item.text for item in items if isinstance(item, Prepared)]
    assert [json.loads(body)["messageId"] for body in bodies] == ["m0", "m1", "m2"]
    assert all(b'"n":1.50,"e":"\\u00e9"' in body for body in bodies)


def test_a_gzip_body_of_several_members_is_read() -> None:
    body = gzip.compress(b'{"batch":[{"messageId":"m1"},') + gzip.compress(b'{"messageId":"m2"}]}')
    messages = sent(an_entry(body, encoding=Encoding.GZIP))

    assert [message["messageId"] for message in messages] == ["m1", "m2"]


@pytest.mark.parametrize("message_id", [None, "", ...])
def test_a_missing_message_id_is_the_same_at_every_try(message_id: Any) -> None:
    message = {} if message_id is ... else {"messageId": message_id}
    entry = an_entry({"batch": [{"messageId": "own"}, message, message]})
    ids = [message["messageId"] for message in sent(entry)]

    assert ids == [message["messageId"] for message in sent(entry)]
    assert ids[0] == "own"
    assert len(set(ids)) == 3
    assert all(len(i) < 100 for i in ids)


def test_the_path_gives_a_single_message_its_type() -> None:
    assert sent(an_entry({"event": "e"}, path=Path.TRACK))[0]["type"] == "track"
    assert sent(an_entry({"name": "n"}, path=Path.SCREEN))[0]["type"] == "screen"
    assert sent(an_entry({"batch": [{"type": "page"}]}))[0]["type"] == "page"


def test_what_the_batch_says_for_all_is_in_each_message_and_the_message_wins() -> None:
    entry = an_entry(
        {
            "batch": [{"context": {"a": 1}, "integrations": {"X": False}}, {}],
            "context": {"a": 0, "b": 2},
            "integrations": {"All": True},
        }
    )
    first, second = sent(entry)

    assert first["context"] == {"a": 1, "b": 2}
    assert first["integrations"] == {"All": True, "X": False}
    assert second["context"] == {"a": 0, "b": 2}
    assert second["integrations"] == {"All": True}


def test_what_the_batch_says_once_is_not_repeated_in_messages() -> None:
    (message,) = sent(
        an_entry({"writeKey": "OLD", "sentAt": "2026-11-21T12:00:00Z"}, path=Path.PAGE)
    )

    assert "writeKey" not in message
    assert "sentAt" not in message


@pytest.mark.parametrize("source_type", ["javascript", "pixel", "mobile"])
def test_a_visitors_address_is_filled_in_where_none_is_given(source_type: str) -> None:
    entry = an_entry({"batch": [{}, {"context": {"a": 1}}, {"context": {"ip": "0.0.0.0"}}]})
    ips = [message["context"]["ip"] for message in sent(entry, source_type=source_type)]

    assert ips == ["192.0.2.7", "192.0.2.7", "0.0.0.0"]


def test_a_servers_own_address_is_never_filled_in_unless_it_asks() -> None:
    entry = an_entry(
        {
            "batch": [
                {},
                {"context": {"a": 1}},
                {"context": {"direct": False}},
                {"context": {"direct": True}},
            ]
        }
    )
    contexts = [message.get("context", {}) for message in sent(entry, source_type="python")]

    assert ["ip" in context for context in contexts] == [False, False, False, True]


@pytest.mark.parametrize("source_type", ["javascript", "python", "swift"])
def test_a_browser_is_named_where_its_message_does_not_name_it(source_type: str) -> None:
    contexts = [{}, {"a": 1}, {"userAgent": "own"}, {"userAgent": None}, None]
    batch = [{}, *({"context": context} for context in contexts)]
    entry = an_entry({"batch": batch}, user_agent='Mozilla/5.0 "ü"')
    found = [one.get("context") or {} for one in sent(entry, source_type=source_type)]

    browser = {'Mozilla/5.0 "ü"'} if source_type == "javascript" else {None}
    assert {found[at].get("userAgent") for at in (0, 1, 2, 5)} == browser
    assert [found[at]["userAgent"] for at in (3, 4)] == ["own", None]


def test_what_was_not_kept_of_a_visitor_is_not_filled_in() -> None:
    nowhere = ipaddress.ip_address("0.0.0.0")
    entry = an_entry({"batch": [{}]}, client_address=nowhere, user_agent="")

    assert "context" not in sent(entry, source_type="javascript")[0]


def test_an_empty_batch_has_no_messages() -> None:
    assert opened(an_entry({"batch": []})) == []


@given(st.lists(st.integers(2, 32_000), min_size=1, max_size=40))
def test_a_batch_stays_under_the_limit_and_takes_at_least_one(sizes: list[int]) -> None:
    lines = [
        line for size in sizes for line in opened(an_entry({"x": "y" * size}, path=Path.IDENTIFY))
    ]
    items = [prepare(line, source_type="javascript") for line in lines]
    count = count_fitting(items)
    items = items[:count]
    bodies = [item.text for item in items if isinstance(item, Prepared)]

    assert count >= 1
    assert len(build_batch(bodies, sent_at=RECEIVED, write_key="k" * 64)) <= MAX_BODY_BYTES


def test_a_batch_has_no_more_messages_than_the_upstream_takes() -> None:
    items = list(map(for_python, opened(an_entry({"batch": [{}] * (MAX_BATCH_MESSAGES + 1)}))))

    assert count_fitting(items) == MAX_BATCH_MESSAGES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["timestamp", "sentAt", "messageId", "context", "type", "x"])
            | st.text(),
            JSON,
            max_size=6,
        ),
        max_size=5,
    )
)
def test_whatever_a_message_says_is_sent_as_it_was_said(messages: list[dict[str, Any]]) -> None:
    found = sent(an_entry({"batch": messages}))

    ours = {"timestamp", "sentAt", "messageId", "writeKey"}
    assert [{k: v for k, v in message.items() if k not in ours} for message in found] == [
        {k: v for k, v in message.items() if k not in ours} for message in messages
    ]
