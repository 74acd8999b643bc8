from datetime import timedelta

import pytest
import requests
from acme import errors, messages

from firstparty.certs.problems import is_account_lost, read_fault
from firstparty.certs.progress import Rejected, TryLater
from firstparty.certs.session import parse_retry_after
from tests.builders import NOW

MINUTE = timedelta(minutes=1)


def problem(code: str, detail: str = "It is so.") -> messages.Error:
    return messages.Error.from_json(
        {"type": f"urn:ietf:params:acme:error:{code}", "detail": detail}
    )


@pytest.mark.parametrize("code", ["rejectedIdentifier", "caa", "unauthorized", "badCSR"])
def test_a_refusal_ends_the_order_in_the_cas_words(code: str) -> None:
    fault = read_fault(problem(code), status=403, retry_after=None)

    assert fault == Rejected(problem=code, detail="It is so.")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (problem("rateLimited"), 429),
        (problem("serverInternal"), 500),
        (problem("malformed"), 503),
        (requests.ConnectionError("gone"), 0),
        (errors.ClientError("not JSON"), 502),
        (KeyError("newNonce"), 200),
    ],
)
def test_what_may_pass_is_tried_later_as_the_ca_says(error: Exception, status: int) -> None:
    fault = read_fault(error, status=status, retry_after=MINUTE)

    assert isinstance(fault, TryLater)
    assert fault.again == MINUTE


def test_a_lost_account_is_noticed() -> None:
    assert is_account_lost(problem("accountDoesNotExist"))
    assert not is_account_lost(problem("unauthorized"))


def test_the_cas_words_are_one_printable_line_of_bounded_length() -> None:
    fault = read_fault(
        problem("caa", "a\x1b[31m\r\nb" + "c" * 10_000), status=403, retry_after=None
    )

    assert isinstance(fault, Rejected)
    assert fault.detail.isprintable()
    assert len(fault.detail) == 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60", MINUTE),
        ("Sat, 21 Nov 2026 12:01:00 GMT", MINUTE),
        ("Sat, 21 Nov 2020 12:01:00 GMT", timedelta()),
        ("99999999999999999999999", timedelta(days=1)),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date_and_at_most_a_day(
    text: str | None, expected: timedelta | None
) -> None:
    assert parse_retry_after(text, now=NOW) == expected
