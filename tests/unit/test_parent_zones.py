import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.update
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.demo.parent import respond
from firstparty.demo.parent_zones import answer_query, build_world

Zones = dict[dns.name.Name, dns.zone.Zone]


def world() -> Zones:
    zones = build_world("fp.test", {"ns1.fp.test": ["127.0.0.1"], "ns2.fp.test": ["::1"]})
    return {zone.origin: zone for zone in zones if zone.origin is not None}


def ask(zones: Zones, name: str, rdtype: str) -> dns.message.Message:
    return answer_query(zones, dns.message.make_query(name, rdtype))


def send(zones: Zones, message: dns.message.Message, client: str = "127.0.0.1") -> dns.rcode.Rcode:
    answer = respond(zones, message.to_wire(), client=client, max_bytes=1232)
    assert answer is not None
    return dns.message.from_wire(answer).rcode()


def delegated(zones: Zones) -> Zones:
    update = dns.update.UpdateMessage("shop.test")
    update.add("cdp", 300, "NS", "a1.fp.test.")
    update.add("cdp", 300, "NS", "a2.fp.test.")
    assert send(zones, update) == dns.rcode.NOERROR
    return zones


def test_what_the_zone_holds_is_answered_with_authority() -> None:
    answer = ask(world(), "shop.test", "NS")

    assert answer.flags & dns.flags.AA
    assert [rdata.to_text() for rdata in answer.answer[0]] == ["ns.shop.test."]


@pytest.mark.parametrize("name", ["cdp.shop.test", "evs.cdp.shop.test"])
@pytest.mark.parametrize("rdtype", ["NS", "A", "SOA"])
def test_a_delegated_name_gets_a_referral_without_authority(name: str, rdtype: str) -> None:
    answer = ask(delegated(world()), name, rdtype)

    assert not answer.flags & dns.flags.AA
    assert answer.answer == []
    assert answer.authority[0].name == dns.name.from_text("cdp.shop.test")
    assert {r.to_text() for r in answer.authority[0]} == {"a1.fp.test.", "a2.fp.test."}


def test_the_service_domain_is_delegated_with_glue_for_both_families() -> None:
    answer = ask(world(), "x.fp.test", "A")

    assert {rrset.name.to_text(): rrset[0].to_text() for rrset in answer.additional} == {
        "ns1.fp.test.": "127.0.0.1",
        "ns2.fp.test.": "::1",
    }


def test_a_service_domain_outside_of_test_is_delegated_by_the_root() -> None:
    zones = build_world("firstparty.localhost", {"ns1.firstparty.localhost": ["127.0.0.1"]})
    root = {zone.origin: zone for zone in zones if zone.origin == dns.name.root}

    answer = ask(root, "console.firstparty.localhost", "A")
    assert answer.authority[0].name == dns.name.from_text("firstparty.localhost")


def test_ds_of_a_delegated_name_is_answered_by_the_parent() -> None:
    answer = ask(delegated(world()), "cdp.shop.test", "DS")

    assert answer.flags & dns.flags.AA
    assert answer.rcode() == dns.rcode.NOERROR
    assert answer.authority[0].rdtype == dns.rdatatype.SOA


def test_a_name_that_is_not_there_is_nxdomain_and_a_missing_type_is_not() -> None:
    missing, other = ask(world(), "no.shop.test", "A"), ask(world(), "shop.test", "MX")

    assert missing.rcode() == dns.rcode.NXDOMAIN
    assert other.rcode() == dns.rcode.NOERROR
    for answer in (missing, other):
        assert answer.flags & dns.flags.AA
        assert answer.authority[0].rdtype == dns.rdatatype.SOA


def test_an_update_raises_the_serial() -> None:
    before = ask(world(), "shop.test", "SOA").answer[0][0].serial
    after = ask(delegated(world()), "shop.test", "SOA").answer[0][0].serial

    assert after == before + 1


def test_deleting_the_records_ends_the_delegation() -> None:
    zones = delegated(world())
    update = dns.update.UpdateMessage("shop.test")
    update.delete("cdp", "NS", "a1.fp.test.")
    assert send(zones, update) == dns.rcode.NOERROR

    assert [r.to_text() for r in ask(zones, "cdp.shop.test", "A").authority[0]] == ["a2.fp.test."]
    update = dns.update.UpdateMessage("shop.test")
    update.delete("cdp")
    assert send(zones, update) == dns.rcode.NOERROR
    assert ask(zones, "cdp.shop.test", "A").rcode() == dns.rcode.NXDOMAIN


def test_the_apex_keeps_its_own_records() -> None:
    zones = world()
    update = dns.update.UpdateMessage("shop.test")
    update.delete("@")
    update.delete("@", "NS")
    assert send(zones, update) == dns.rcode.NOERROR

    assert ask(zones, "shop.test", "NS").answer


def test_an_update_from_elsewhere_or_of_another_zone_changes_nothing() -> None:
    zones = world()
    update = dns.update.UpdateMessage("shop.test")
    update.add("cdp", 300, "NS", "a1.fp.test.")
    foreign = dns.update.UpdateMessage("example.com")
    foreign.add("cdp", 300, "NS", "a1.fp.test.")
    outside = dns.update.UpdateMessage("shop.test")
    outside.add(dns.name.from_text("cdp.other.test"), 300, "NS", "a1.fp.test.")

    assert send(zones, update, client="192.0.2.1") == dns.rcode.REFUSED
    assert send(zones, foreign) == dns.rcode.NOTAUTH
    assert send(zones, outside) == dns.rcode.NOTZONE
    assert ask(zones, "cdp.shop.test", "NS").rcode() == dns.rcode.NXDOMAIN


def test_an_update_whose_prerequisite_fails_changes_nothing() -> None:
    zones = world()
    update = dns.update.UpdateMessage("shop.test")
    update.present("cdp", "NS")
    update.add("cdp", 300, "NS", "a1.fp.test.")

    assert send(zones, update) == dns.rcode.NXRRSET
    assert ask(zones, "cdp.shop.test", "NS").rcode() == dns.rcode.NXDOMAIN


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer_or_silence(wire: bytes) -> None:
    answer = respond(world(), wire, client="127.0.0.1", max_bytes=1232)

    assert answer is None or answer[:2] == wire[:2]
