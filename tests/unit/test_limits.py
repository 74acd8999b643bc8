"""The limits of a CA, kept: against a bucket that counts as Let's Encrypt's page says it does."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.certs.limits import (
    earliest,
    kept,
    next_turn,
    used_by_failure,
    used_by_order,
)
from firstparty.config.rates import Rate, parse_rate
from firstparty.model.authorities import Counter, Use
from tests.builders import NOW

ORDERS = Rate(most=300, window=timedelta(hours=3))
HOSTS = ("api.cdp.shop.com", "evs.cdp.shop.com")


def does_bucket_refuse(times: Sequence[datetime], rate: Rate) -> bool:
    """The CA's token bucket: full at first, refilled evenly, one token each time."""
    tokens, before = float(rate.most), NOW
    for at in times:
        tokens = min(rate.most, tokens + (at - before) / rate.window * rate.most)
        if tokens < 1 - 1e-6:
            return True
        tokens, before = tokens - 1, at
    return False


def most_in_a_window(times: Sequence[datetime], rate: Rate) -> int:
    return max(sum(first <= at < first + rate.window for at in times) for first in times)


@given(
    st.lists(st.integers(0, 400), max_size=60),
    st.integers(1, 12),
    st.integers(1, 100),
)
def test_whenever_things_are_asked_for_no_window_has_too_many_and_the_ca_refuses_nothing(
    asked: list[int], most: int, minutes: int
) -> None:
    rate = Rate(most=most, window=timedelta(minutes=minutes))
    times: list[datetime] = []
    for minute in asked:  # not in order: what was promised for later is there already
        times.append(earliest(times, rate, NOW + timedelta(minutes=minute)))
        times.sort()

    assert not times or most_in_a_window(times, rate) <= kept(rate)
    assert not does_bucket_refuse(times, rate)


def test_the_bucket_of_this_test_does_refuse_whoever_does_not_ask_for_a_turn() -> None:
    at_once = [NOW] * 301

    assert does_bucket_refuse(at_once, ORDERS)
    assert not does_bucket_refuse(at_once[:300], ORDERS)


def test_ten_thousand_orders_take_as_long_as_the_limit_says_and_no_longer() -> None:
    times: list[datetime] = []
    for _ in range(10_000):
        times.append(earliest(times, ORDERS, NOW))

    assert times[239] == NOW
    assert times[240] == NOW + timedelta(hours=3)
    assert times[-1] == NOW + timedelta(hours=3) * 41  # 5.1 days; at 100 % of the limit 4.2


def test_a_turn_is_when_every_limit_allows_it_and_says_which_one_is_waited_for() -> None:
    limits = {Use.ORDERS: ORDERS, Use.CERTIFICATES: Rate(most=50, window=timedelta(days=7))}
    orders, shop = Counter(use=Use.ORDERS), Counter(use=Use.CERTIFICATES, key="shop.com")
    at, waits_for = next_turn({orders: [NOW] * 240, shop: [NOW] * 40}, limits, NOW)

    assert at == NOW + timedelta(days=7)
    assert waits_for == shop
    assert next_turn({orders: [NOW] * 239, shop: []}, limits, NOW) == (NOW, None)


def test_a_limit_that_is_not_set_limits_nothing() -> None:
    assert next_turn({Counter(use=Use.ORDERS): [NOW] * 9999}, {}, NOW) == (NOW, None)


def test_what_an_order_counts_for() -> None:
    first = used_by_order(HOSTS, is_renewal=False, replaces=False)
    again = used_by_order(HOSTS, is_renewal=True, replaces=False)

    assert [(one.use, one.key) for one in first] == [
        (Use.ORDERS, ""),
        (Use.CERTIFICATES, "shop.com"),
        (Use.DUPLICATES, "api.cdp.shop.com,evs.cdp.shop.com"),
    ]
    assert [one.use for one in again] == [Use.DUPLICATES]
    assert used_by_order(HOSTS, is_renewal=True, replaces=True) == ()
    assert [one.key for one in used_by_failure(HOSTS)] == list(HOSTS)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("", None),
        ("50/7d", Rate(most=50, window=timedelta(days=7))),
        ("5/90m", Rate(most=5, window=timedelta(minutes=90))),
    ],
)
def test_a_rate_is_read_as_it_is_written(text: str, rate: Rate | None) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["50", "0/7d", "50/7", "50/7w", "-1/7d", "50 / 7d", "1/0h"])
def test_what_is_not_a_rate_is_refused_with_the_form_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write 50/7d"):
        parse_rate(text)
