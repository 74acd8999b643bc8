"""Whose address a message comes from, behind proxies that are trusted and others."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.config.addresses import ConfigError, parse_networks
from firstparty.ingest.visitors import CLAIMED, PEER, Visitors

TRUSTED = (ip_network("198.51.100.0/24"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("peer", "claimed", "visitor"),
    [
        (b"198.51.100.7", b"203.0.113.9", b"203.0.113.9"),
        (b"2001:db8::7", b"203.0.113.9", b"203.0.113.9"),
        # What stands before the last one, the visitor may have made up.
        (b"198.51.100.7", b"1.2.3.4, 203.0.113.9", b"203.0.113.9"),
        (b"198.51.100.7", b"203.0.113.9, 198.51.100.8", b"203.0.113.9"),
        (b"198.51.100.7", b"203.0.113.9, nonsense", b"198.51.100.7"),
        (b"198.51.100.7", b"", b"198.51.100.7"),
        (b"198.51.100.7", b"198.51.100.8", b"198.51.100.7"),
        (b"203.0.113.5", b"1.2.3.4", b"203.0.113.5"),
        (b"", b"1.2.3.4", b""),
    ],
)
def test_only_what_a_trusted_proxy_says_is_believed(
    peer: bytes, claimed: bytes, visitor: bytes
) -> None:
    assert Visitors(TRUSTED).find({PEER: peer, CLAIMED: claimed}) == visitor


def test_without_trust_nobody_is_believed() -> None:
    headers = {PEER: b"198.51.100.7", CLAIMED: b"203.0.113.9"}

    assert Visitors().find(headers) == b"198.51.100.7"


@given(st.binary(max_size=100))
def test_whatever_is_claimed_nothing_breaks(claimed: bytes) -> None:
    found = Visitors(TRUSTED).find({PEER: b"198.51.100.7", CLAIMED: claimed})

    assert found == b"198.51.100.7" or found in claimed


@pytest.mark.parametrize("text", ["proxy.test", "10.0.0.1/8", "10.0.0.0/33", ""])
def test_what_is_no_network_is_said_with_its_key(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^edge\.trusted_proxies: "):
        parse_networks([text], key="edge.trusted_proxies")
