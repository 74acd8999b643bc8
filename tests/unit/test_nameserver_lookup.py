"""What the nameserver finds of a name."""

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from firstparty.model.feed import Zone
from tests.lookups import ANSWERS, SHOP, answers_of, ask, look_up, texts


def is_authoritative(answer: dns.message.Message) -> bool:
    return bool(answer.flags & dns.flags.AA)


def soa_of(answer: dns.message.Message) -> tuple[str, int]:
    (rrset,) = answer.authority
    assert rrset.rdtype == dns.rdatatype.SOA
    return rrset.name.to_text(), rrset.ttl


@pytest.mark.parametrize("edns", [None, 0])
@pytest.mark.parametrize(
    ("name", "rdtype", "expected"),
    [
        ("cdp.shop.test", "NS", ["a-tok.ns.fp.test.", "b-tok.ns.fp.test."]),
        (
            "cdp.shop.test",
            "SOA",
            ["a-tok.ns.fp.test. hostmaster.fp.test. 7 14400 3600 1209600 300"],
        ),
        (
            "cdp.shop.test",
            "CAA",
            ['0 issue "letsencrypt.org; validationmethods=dns-01"'],
        ),
        ("evs.cdp.shop.test", "A", ["192.0.2.1"]),
        ("evs.cdp.shop.test", "AAAA", ["2001:db8::1"]),
        ("evs.cdp.shop.test", "HTTPS", ['1 . alpn="h2,http/1.1"']),
        ("_acme-challenge.evs.cdp.shop.test", "TXT", ['"token-1"', '"token-2"']),
    ],
)
def test_what_is_there_is_answered(
    name: str, rdtype: str, expected: list[str], edns: int | None
) -> None:
    answer = ask(name, rdtype, use_edns=edns)

    assert texts(answer) == expected
    assert answer.rcode() == dns.rcode.NOERROR
    assert is_authoritative(answer)
    assert answer.edns == (-1 if edns is None else 0)


@pytest.mark.parametrize(
    ("name", "rdtype"),
    [
        ("cdp.shop.test", "A"),
        ("evs.cdp.shop.test", "MX"),
        ("evs.cdp.shop.test", "TYPE65280"),
        ("eu.cdp.shop.test", "A"),  # an empty non-terminal
    ],
)
def test_a_type_that_is_not_there_is_nodata_with_the_soa(name: str, rdtype: str) -> None:
    answer = ask(name, rdtype)

    assert answer.rcode() == dns.rcode.NOERROR
    assert not answer.answer
    assert soa_of(answer)[0] == "cdp.shop.test."
    assert is_authoritative(answer)


def test_that_there_is_no_challenge_is_soon_forgotten() -> None:
    answer = ask("_acme-challenge.api.eu.cdp.shop.test", "TXT")

    assert texts(answer) == ['"no challenge at the moment"']
    assert answer.answer[0].ttl == 5


@pytest.mark.parametrize("name", ["nothing.cdp.shop.test", "a.b.c.evs.cdp.shop.test"])
def test_a_name_that_is_not_there_is_nxdomain_with_the_soa(name: str) -> None:
    answer = ask(name, "A")

    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert soa_of(answer) == ("cdp.shop.test.", 300)
    assert is_authoritative(answer)


@pytest.mark.parametrize("name", ["shop.test", "other.test", ".", "xcdp.shop.test"])
def test_what_is_not_ours_is_refused_without_a_referral(name: str) -> None:
    answer = ask(name, "A")

    assert answer.rcode() == dns.rcode.REFUSED
    assert not is_authoritative(answer)
    assert not answer.authority
    assert not answer.additional


def test_the_letter_case_of_the_question_survives() -> None:
    query = dns.message.make_query("eVs.CdP.sHoP.TeSt", "A")
    wire = look_up(ANSWERS, query.to_wire(), is_udp=True)

    assert wire is not None
    assert b"\x03eVs\x03CdP\x04sHoP\x04TeSt\x00" in wire
    assert texts(dns.message.from_wire(wire)) == ["192.0.2.1"]


def test_type_and_class_are_not_lower_cased() -> None:
    # 65 (HTTPS) and 97 differ in the bit that lower-casing sets.
    assert not ask("evs.cdp.shop.test", "TYPE97").answer
    assert texts(ask("evs.cdp.shop.test", "TYPE65"))


def test_a_zone_inside_another_has_its_own_names_until_it_is_gone() -> None:
    inner = Zone(
        apex="evs.cdp.shop.test",
        serial=1,
        nameservers=("a-inner.ns.fp.test",),
        hosts=(),
        addresses=(),
    )
    answers = answers_of(inner, SHOP)
    query = dns.message.make_query("evs.cdp.shop.test", "A").to_wire()
    with_inner = look_up(answers, query, is_udp=True)
    answers.remove(b"\x03evs\x03cdp\x04shop\x04test\x00")
    without = look_up(answers, query, is_udp=True)

    assert with_inner is not None
    assert not dns.message.from_wire(with_inner).answer
    assert without is not None
    assert dns.message.from_wire(without).answer
