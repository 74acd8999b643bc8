import gzip
import ipaddress
import json
from datetime import UTC, datetime, timedelta
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
from firstparty.forward.expand import BadMessage, Message, expand
from firstparty.forward.rewrite import format_instant
from firstparty.model.messages import MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, Encoding, Path
from firstparty.spool.entries import Entry

RECEIVED = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)
CLIENT = ipaddress.ip_address("192.0.2.7")
INSTANTS = st.integers(946_684_800_000, 4_102_444_800_000).map(  # the years 2000 to 2100, in ms
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)


def an_entry(body: Any, *, path: Path = Path.BATCH, **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "id": bytes(range(16)),
        "received_at": RECEIVED,
        "source": 7,
        "path": path,
        "encoding": Encoding.IDENTITY,
        "client_address": CLIENT,
        "user_agent": "test",
        "body": body if isinstance(body, bytes) else json.dumps(body).encode(),
        **changes,
    }
    return Entry(**fields)


def opened(entry: Entry) -> list[Message | BadMessage]:
    return expand(entry, sequence=3, index=1)


def sent(
    entry: Entry, *, source_type: str = "python", at: datetime = RECEIVED
) -> list[dict[str, Any]]:
    """The messages as the upstream finds them."""
    items = [prepare(line, source_type=source_type) for line in opened(entry)]
    bodies = [item.text for item in items if isinstance(item, Prepared)]
    return list(json.loads(build_batch(bodies, sent_at=at, write_key="WK"))["batch"])


def reasons(entry: Entry) -> list[str]:
    return [line.reason if isinstance(line, BadMessage) else "" for line in opened(entry)]


def upstream_time(batch: dict[str, Any], message: dict[str, Any], received: datetime) -> datetime:
    """timestamp = receivedAt - (sentAt - originalTimestamp), as the upstream computes it."""
    sent_at = datetime.fromisoformat(batch["sentAt"])
    return received - (sent_at - datetime.fromisoformat(message["timestamp"]))


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


@given(
    original=INSTANTS,
    client_delay=st.timedeltas(timedelta(0), timedelta(days=30)),
    client_skew=st.timedeltas(timedelta(days=-400), timedelta(days=400)),
    queued=st.timedeltas(timedelta(0), timedelta(days=14)),
    is_shared=st.booleans(),
)
def test_late_delivery_shifts_no_timestamp(
    original: datetime,
    client_delay: timedelta,
    client_skew: timedelta,
    queued: timedelta,
    *,
    is_shared: bool,
) -> None:
    # The client's clock is wrong by the skew; ours and the upstream's are right.
    millisecond = timedelta(milliseconds=1)
    client_delay, client_skew = (
        d // millisecond * millisecond for d in (client_delay, client_skew)
    )
    received = original + client_delay
    stamp, sent_at = (format_instant(at + client_skew) for at in (original, received))
    message = {"timestamp": stamp} | ({} if is_shared else {"sentAt": sent_at})
    entry = an_entry(
        {"batch": [message]} | ({"sentAt": sent_at} if is_shared else {}), received_at=received
    )
    delivered = received + queued
    (body,) = [i.text for i in map(_for_python, opened(entry)) if isinstance(i, Prepared)]
    batch = json.loads(build_batch([body], sent_at=delivered, write_key="WK"))

    seen = upstream_time(batch, batch["batch"][0], delivered)
    assert abs(seen - original) < millisecond


def _for_python(line: Message | BadMessage) -> Prepared | BadMessage:
    return prepare(line, source_type="python")


@pytest.mark.parametrize(
    ("message", "timestamp"),
    [
        ({}, "2026-11-21T12:00:05.000Z"),  # no time at all: when we received it
        ({"timestamp": None, "sentAt": "2026-11-21T11:00:00Z"}, "2026-11-21T12:00:05.000Z"),
        ({"timestamp": "2026-11-21T10:00:00Z"}, "2026-11-21T10:00:00Z"),  # no client clock known
        ({"timestamp": "yesterday", "sentAt": "2026-11-21T11:00:00Z"}, "yesterday"),
        ({"timestamp": 12, "sentAt": "2026-11-21T11:00:00Z"}, 12),
        ({"timestamp": "2026-11-21T10:00:00Z", "sentAt": "nonsense"}, "2026-11-21T10:00:00Z"),
        # The client's clock is an hour slow.
        (
            {"timestamp": "2026-11-21T10:59:59.5+00:00", "sentAt": "2026-11-21T11:00:05Z"},
            "2026-11-21T11:59:59.500Z",
        ),
        (
            {"timestamp": "2026-11-21T12:00:00.123456+01:00", "sentAt": "2026-11-21T12:00:04"},
            "2026-11-21T11:00:01.123456Z",
        ),
        (
            {"timestamp": "9999-12-31T23:59:59Z", "sentAt": "2026-11-21T11:00:00Z"},
            "9999-12-31T23:59:59Z",
        ),
    ],
)
def test_a_timestamp_is_corrected_only_where_the_clients_clock_is_known(
    message: dict[str, Any], timestamp: Any
) -> None:
    (found,) = sent(an_entry({"batch": [message]}))

    assert found["timestamp"] == timestamp


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


def test_an_address_that_was_not_kept_is_not_filled_in() -> None:
    entry = an_entry({"batch": [{}]}, client_address=ipaddress.ip_address("0.0.0.0"))

    assert "context" not in sent(entry, source_type="javascript")[0]


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
        (gzip.compress(b'{"batch":[]}')[:-4], Encoding.GZIP, "cut off"),
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
    items = list(map(_for_python, opened(an_entry({"batch": [{}] * (MAX_BATCH_MESSAGES + 1)}))))

    assert count_fitting(items) == MAX_BATCH_MESSAGES


@given(st.binary(max_size=200), st.sampled_from(Path), st.sampled_from(Encoding))
def test_any_bytes_are_messages_or_bad_messages_and_counted_alike(
    body: bytes, path: Path, encoding: Encoding
) -> None:
    lines = opened(an_entry(body, path=path, encoding=encoding))
    items = [prepare(line, source_type="javascript") for line in lines]
    bodies = [item.text for item in items if isinstance(item, Prepared)]

    json.loads(build_batch(bodies, sent_at=RECEIVED, write_key="WK"))
    assert len(items) == len(opened(an_entry(body, path=path, encoding=encoding)))


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
