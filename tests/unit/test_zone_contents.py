from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from firstparty.model.feed import CaaRecord, Zone
from firstparty.nameserver.answers import compile_zone
from firstparty.zones.contents import (
    BadZone,
    build_contents,
    build_service_contents,
    spread_addresses,
)

SHOP = Zone(
    apex="cdp.shop.test",
    serial=7,
    nameservers=("a-tok.ns.fp.test",),
    hosts=("evs.cdp.shop.test",),
    addresses=("192.0.2.1",),
)


def wire(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\x00"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"apex": ""}, "not a domain name"),
        ({"apex": "a..b"}, "not a domain name"),
        ({"apex": "bücher.test"}, "not a domain name"),
        ({"apex": ".".join(["a" * 63] * 4)}, "too long"),
        ({"apex": "a b.test"}, "not a domain name"),
        ({"nameservers": ()}, "no nameservers"),
        ({"hosts": ("evs.other.test",)}, "not in the zone"),
        ({"addresses": ("192.0.2.256",)}, "192.0.2.256"),
        ({"addresses": ("192.0.2.1 192.0.2.2",)}, "192.0.2.1 192.0.2.2"),
        ({"caa": (CaaRecord(flags=0, tag='issue "x"', value=""),)}, "CAA"),
        ({"caa": (CaaRecord(flags=256, tag="issue", value=""),)}, "CAA"),
        ({"txt": {"other.test": ("x",)}}, "not in the zone"),
        ({"txt": {"cdp.shop.test": ("x" * 20_000,)}}, "do not fit"),
    ],
)
def test_a_bad_zone_is_named_with_what_is_wrong(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadZone, match=reason):
        build_contents(replace(SHOP, **change), service_domain="fp.test")


def test_there_is_no_address_at_the_apex() -> None:
    contents = build_contents(SHOP, service_domain="fp.test")

    assert set(contents.owners[wire("cdp.shop.test")].rrsets) == {6, 2}


def test_places_of_challenges_are_there_before_the_challenge() -> None:
    before = build_contents(SHOP, service_domain="fp.test")
    zone = replace(SHOP, txt={"_acme-challenge.evs.cdp.shop.test": ("token",)})
    there = build_contents(zone, service_domain="fp.test")
    place = wire("_acme-challenge.evs.cdp.shop.test")

    assert before.owners[place].rrsets[16].rdatas == (b"\x1ano challenge at the moment",)
    assert there.owners[place].rrsets[16].rdatas == (b"\x05token",)


def test_names_in_capitals_are_the_same_names() -> None:
    capitals = replace(SHOP, apex="CDP.Shop.test", hosts=("EVS.cdp.shop.TEST",))

    assert build_contents(capitals, service_domain="fp.test") == build_contents(
        SHOP, service_domain="FP.test"
    )


def test_the_same_value_twice_is_one_record() -> None:
    twice = replace(SHOP, addresses=("192.0.2.1", "192.0.2.1"))

    assert build_contents(twice, service_domain="fp.test") == build_contents(
        SHOP, service_domain="fp.test"
    )


@given(st.text(max_size=600))
def test_any_txt_value_is_carried_whole(value: str) -> None:
    zone = replace(SHOP, txt={"t.cdp.shop.test": (value,)})
    contents = build_contents(zone, service_domain="fp.test")
    (rdata,) = contents.owners[wire("t.cdp.shop.test")].rrsets[16].rdatas
    pieces = []
    while rdata:
        pieces.append(rdata[1 : 1 + rdata[0]])
        rdata = rdata[1 + rdata[0] :]

    assert b"".join(pieces) == value.encode()


def test_the_service_zone_has_its_own_nameservers_and_their_addresses() -> None:
    contents = build_service_contents("fp.test", serial=3, addresses=["192.0.2.53", "2001:db8::53"])

    assert set(contents.owners) == {wire("fp.test"), wire("ns1.fp.test"), wire("ns2.fp.test")}
    assert set(contents.owners[wire("ns1.fp.test")].rrsets) == {1, 28}


def test_a_serial_beyond_32_bits_wraps() -> None:
    contents = build_contents(replace(SHOP, serial=2**32 + 5), service_domain="fp.test")

    assert compile_zone(contents).apex == wire("cdp.shop.test")
    assert contents.soa[-20:-16] == (5).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("addresses", "first", "second"),
    [
        (["192.0.2.1", "192.0.2.2"], ["192.0.2.1"], ["192.0.2.2"]),
        (
            ["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2", "192.0.2.3"],
            ["192.0.2.1", "192.0.2.3", "2001:db8::1"],
            ["192.0.2.2", "2001:db8::2"],
        ),
        (["192.0.2.1"], ["192.0.2.1"], ["192.0.2.1"]),
        (["192.0.2.1", "2001:db8::1"],) + (["192.0.2.1", "2001:db8::1"],) * 2,
        ([], [], []),
    ],
)
def test_two_nameserver_names_share_the_addresses_out(
    addresses: list[str], first: list[str], second: list[str]
) -> None:
    assert spread_addresses(addresses) == (tuple(first), tuple(second))
