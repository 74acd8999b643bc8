from datetime import timedelta

import pytest

from firstparty.api.rates import Rates
from firstparty.errors import TooMany
from tests.builders import NOW


def test_a_caller_who_asks_too_often_waits_for_as_long_as_it_is_told() -> None:
    rates = Rates(per_minute=6)
    for _ in range(6):
        rates.take("token:a", now=NOW)

    with pytest.raises(TooMany) as refused:
        rates.take("token:a", now=NOW)
    assert refused.value.retry_after == timedelta(seconds=10)
    rates.take("token:a", now=NOW + refused.value.retry_after)
    with pytest.raises(TooMany):
        rates.take("token:a", now=NOW + refused.value.retry_after)


def test_one_caller_does_not_slow_another() -> None:
    rates = Rates(per_minute=1)
    rates.take("token:a", now=NOW)
    rates.take("token:b", now=NOW)

    with pytest.raises(TooMany):
        rates.take("token:a", now=NOW)


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    rates = Rates(per_minute=1)
    rates.take("token:a", now=NOW)

    with pytest.raises(TooMany):
        rates.take("token:a", now=NOW - timedelta(hours=1))


def test_zero_is_as_often_as_one_likes() -> None:
    rates = Rates(per_minute=0)
    for _ in range(10_000):
        rates.take("token:a", now=NOW)
