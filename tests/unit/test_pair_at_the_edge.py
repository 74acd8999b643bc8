from datetime import UTC, datetime, timedelta

import pytest

from firstparty.certs.pair import find_leaf_fault
from tests.pairs import Pair, TestAuthority

NOW = datetime.now(UTC)
HOST = "evs.shop.test"
AUTHORITY = TestAuthority()
GOOD = AUTHORITY.issue(HOST, "api.shop.test")


def check(pair: Pair, host: str = HOST, now: datetime = NOW) -> str | None:
    return find_leaf_fault(pair.chain.encode(), pair.key, host=host, now=now)


def test_a_pair_serves_each_host_that_it_names() -> None:
    assert check(GOOD) is None
    assert check(GOOD, "api.shop.test") is None


def test_a_wildcard_serves_one_label() -> None:
    wildcard = AUTHORITY.issue("*.shop.test")

    assert check(wildcard) is None
    assert check(wildcard, "a.b.shop.test") == "is for *.shop.test and not for a.b.shop.test"


def test_what_follows_the_leaf_does_not_matter_here() -> None:
    assert check(Pair(chain=GOOD.chain + AUTHORITY.pem, key=GOOD.key)) is None


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (Pair(chain=GOOD.chain, key=AUTHORITY.issue(HOST).key), "is for another key"),
        (Pair(chain=AUTHORITY.pem + GOOD.chain, key=GOOD.key), "is for another key"),
        (AUTHORITY.issue("other.test"), "is for other.test and not for evs.shop.test"),
        (AUTHORITY.issue(HOST, days=1, age=timedelta(days=2)), "is not valid after"),
        (AUTHORITY.issue(HOST, age=timedelta(days=-1)), "is not valid before"),
        (Pair(chain="", key=GOOD.key), "cannot be read"),
        (Pair(chain="-----BEGIN CERTIFICATE-----\n", key=GOOD.key), "cannot be read"),
        (Pair(chain=GOOD.chain, key=b""), "cannot be read"),
        (Pair(chain=GOOD.chain, key=b"\xff"), "cannot be read"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_with_the_reason(pair: Pair, reason: str) -> None:
    assert reason in (check(pair) or "")
