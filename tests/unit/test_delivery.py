from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.forward.delivery import (
    BACK_OFF,
    MAX_RETRY_AFTER,
    Answer,
    Dead,
    Delivered,
    Outcome,
    Park,
    Retry,
    Split,
    is_page,
    judge,
    parse_retry_after,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def outcome(answer: Answer, *, messages: int = 10, failures: int = 0) -> Outcome:
    return judge(answer, messages=messages, failures=failures, jitter=1.0, now=NOW)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_success_is_delivered(status: int) -> None:
    assert outcome(Answer(status=status)) == Delivered()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_batch_is_split_and_a_refused_message_is_dead(status: int) -> None:
    refused = Answer(status=status, text="no_user_anon_id")

    assert outcome(refused, messages=2) == Split()
    alone = outcome(refused, messages=1)
    assert isinstance(alone, Dead)
    assert str(status) in alone.reason
    assert "no_user_anon_id" in alone.reason


@pytest.mark.parametrize("status", [301, 302, 308, 401, 403, 404])
def test_a_wrong_key_or_address_parks_the_source_and_blames_no_message(status: int) -> None:
    assert isinstance(outcome(Answer(status=status), messages=1), Park)


@pytest.mark.parametrize("status", [408, 410, 425, 429, 460, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(status: int) -> None:
    assert isinstance(outcome(Answer(status=status), messages=1), Retry)


def test_no_answer_is_tried_again_ever_more_slowly_and_no_slower_than_the_table() -> None:
    silence = Answer(error="connection refused")
    waits = [outcome(silence, failures=n) for n in range(len(BACK_OFF) + 3)]

    assert [wait.after for wait in waits if isinstance(wait, Retry)] == [
        *BACK_OFF,
        BACK_OFF[-1],
        BACK_OFF[-1],
        BACK_OFF[-1],
    ]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("text", ["7", format_datetime(NOW + timedelta(seconds=7), usegmt=True)])
def test_retry_after_is_obeyed_to_the_second(status: int, text: str) -> None:
    answer = Answer(status=status, headers={"retry-after": text})

    assert outcome(answer, failures=4) == Retry(after=timedelta(seconds=7), reason=str(answer))


@pytest.mark.parametrize("text", ["999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_absurd_retry_after_is_capped(text: str) -> None:
    wait = outcome(Answer(status=429, headers={"retry-after": text}))

    assert isinstance(wait, Retry)
    assert wait.after == MAX_RETRY_AFTER


@pytest.mark.parametrize("text", ["0", "Sat, 01 Jan 2000 00:00:00 GMT"])
def test_a_retry_after_of_nothing_is_no_hot_loop(text: str) -> None:
    wait = outcome(Answer(status=429, headers={"retry-after": text}))

    assert parse_retry_after(text, now=NOW) == timedelta(0)
    assert isinstance(wait, Retry)
    assert wait.after >= BACK_OFF[0]


@pytest.mark.parametrize("wrong", [timedelta(hours=5), timedelta(hours=-5), timedelta(days=3650)])
def test_a_date_in_retry_after_is_read_by_the_clock_of_who_said_it(wrong: timedelta) -> None:
    there = NOW + wrong
    headers = {
        "date": format_datetime(there, usegmt=True),
        "retry-after": format_datetime(there + timedelta(seconds=7), usegmt=True),
    }
    answer = Answer(status=429, headers=headers)

    assert outcome(answer) == Retry(after=timedelta(seconds=7), reason=str(answer))


@pytest.mark.parametrize("text", ["0", "Sat, 01 Jan 2000 00:00:00 GMT"])
def test_a_retry_after_of_nothing_is_tried_again_ever_more_slowly(text: str) -> None:
    answer = Answer(status=429, headers={"retry-after": text})
    waits = [outcome(answer, failures=n) for n in range(len(BACK_OFF))]

    assert [wait.after for wait in waits if isinstance(wait, Retry)] == list(BACK_OFF)


@given(st.integers(100, 599), st.text(), st.integers(1, 2500), st.floats(0, 1))
def test_every_answer_has_an_outcome(status: int, text: str, messages: int, jitter: float) -> None:
    answer = Answer(status=status, headers={"retry-after": text}, text=text)
    result = judge(answer, messages=messages, failures=messages, jitter=jitter, now=NOW)

    if isinstance(result, Retry | Park):
        assert timedelta(0) <= result.after <= MAX_RETRY_AFTER
    if isinstance(result, Dead):
        assert messages == 1


@pytest.mark.parametrize(
    ("kind", "text", "is_it"),
    [
        ("text/html", "<!doctype html><title>Sorry</title>", True),
        ("Text/HTML; charset=utf-8", "\n  <html>", True),
        ("application/xhtml+xml", "\ufeff<?xml version='1.0'?>", True),
        ("text/html", "ok", False),  # what many a small server says of anything
        ("text/html", "", False),
        ("application/json", '{"success": true}', False),
        ("", "<html>", False),
    ],
)
def test_a_page_for_people_is_known_by_its_type_and_its_start(
    kind: str, text: str, *, is_it: bool
) -> None:
    assert is_page(Answer(status=200, headers={"content-type": kind}, text=text)) is is_it
