from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.outbound.addresses import is_public, is_public_text, parse_host


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "198.41.0.4",
        "192.88.98.1",
        "2606:4700::1111",
        "2001:500:2f::f",
        "2001:7fe::53",
        "64:ff9b::101:101",  # NAT64 of 1.1.1.1
        "2002:101:101::1",  # 6to4 of 1.1.1.1
        "::ffff:1.1.1.1",
    ],
)
def test_a_public_address_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",  # Teredo
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fe80::1",
        "fe80::1%1",
        "2606:4700::1111%1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_public_is_not(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "[2606:4700::1111]", "1.1.1.1 "])
def test_what_is_not_an_address_is_not_a_public_one(text: str) -> None:
    assert not is_public_text(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Shop.Example.", "shop.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("192.0.2.1", IPv4Address("192.0.2.1")),
        ("2001:db8::1", IPv6Address("2001:db8::1")),
        ("[2001:db8::1]", IPv6Address("2001:db8::1")),
    ],
)
def test_a_host_is_read(text: str, host: object) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "127.1",
        "0",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "shop.0x",
        "0177.0.0.1",
        "①②⑦.⓪.⓪.①",
        "bücher.example",
        "a_b.example",
        "-a.example",
        "a-.example",
        "a..example",
        "a" * 64 + ".example",
        "a." * 126 + "example",
        "fe80::1%eth0",
        "[::1",
        "::1::",
        "shop.example:80",
        "user@shop.example",
        "shop.example/path",
        "shop example",
    ],
)
def test_what_is_not_a_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|zone index"):
        parse_host(text)


@given(st.text(max_size=40))
def test_whatever_is_read_is_an_address_or_a_plain_name(text: str) -> None:
    try:
        host = parse_host(text)
    except ValueError:
        return

    assert not isinstance(host, str) or (host.isascii() and not host.rpartition(".")[2].isdigit())
