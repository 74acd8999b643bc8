from datetime import UTC, datetime, timedelta

import pytest

from firstparty.edge.pairs import check_pair
from tests.pairs import Pair, TestAuthority

NOW = datetime.now(UTC)
HOST = "evs.shop.test"
AUTHORITY = TestAuthority()
GOOD = AUTHORITY.issue(HOST, "api.shop.test")


def check(pair: Pair, host: str = HOST, now: datetime = NOW) -> str | None:
    return check_pair(chain=pair.chain.encode(), key=pair.key, host=host, now=now)


def test_a_pair_serves_each_host_that_it_names() -> None:
    assert check(GOOD) is None
    assert check(GOOD, "api.shop.test") is None


def test_a_wildcard_serves_one_label() -> None:
    wildcard = AUTHORITY.issue("*.shop.test")

    assert check(wildcard) is None
    assert check(wildcard, "a.b.shop.test") == "the certificate does not name this host"


def test_what_follows_the_leaf_does_not_matter_here() -> None:
    assert check(Pair(chain=GOOD.chain + AUTHORITY.pem, key=GOOD.key)) is None


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (Pair(chain=GOOD.chain, key=AUTHORITY.issue(HOST).key), "the key is not"),
        (Pair(chain=AUTHORITY.pem + GOOD.chain, key=GOOD.key), "names no hosts"),
        (AUTHORITY.issue("other.test"), "does not name this host"),
        (AUTHORITY.issue(HOST, days=1, age=timedelta(days=2)), "expired at"),
        (AUTHORITY.issue(HOST, age=timedelta(days=-1)), "not valid before"),
        (Pair(chain="", key=GOOD.key), "cannot be read"),
        (Pair(chain="-----BEGIN CERTIFICATE-----\n", key=GOOD.key), "cannot be read"),
        (Pair(chain=GOOD.chain, key=b""), "cannot be read"),
        (Pair(chain=GOOD.chain, key=b"\xff"), "cannot be read"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_with_the_reason(pair: Pair, reason: str) -> None:
    assert reason in (check(pair) or "")
