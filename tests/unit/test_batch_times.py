"""When a message happened, as the upstream works it out."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.forward.batch import (
    Prepared,
    build_batch,
)
from firstparty.forward.rewrite import format_instant
from tests.batching import an_entry, for_python, opened, sent

INSTANTS = st.integers(946_684_800_000, 4_102_444_800_000).map(  # the years 2000 to 2100, in ms
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)


def upstream_time(batch: dict[str, Any], message: dict[str, Any], received: datetime) -> datetime:
    """timestamp = receivedAt - (sentAt - originalTimestamp), as the upstream computes it."""
    sent_at = datetime.fromisoformat(batch["sentAt"])
    return received - (sent_at - datetime.fromisoformat(message["timestamp"]))


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
    (body,) = [i.text for i in map(for_python, opened(entry)) if isinstance(i, Prepared)]
    batch = json.loads(build_batch([body], sent_at=delivered, write_key="WK"))

    seen = upstream_time(batch, batch["batch"][0], delivered)
    assert abs(seen - original) < millisecond


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
