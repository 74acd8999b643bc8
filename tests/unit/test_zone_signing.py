"""Our signatures and proofs, judged by dnspython's validator."""

from datetime import UTC, datetime, timedelta

import dns.dnssec
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.NSEC
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from firstparty.model.dnssec import ds_texts, key_tag
from firstparty.model.feed import CaaRecord, Zone
from firstparty.nameserver.answers import Answers, compile_zone
from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import RateLimiter, RateLimits
from firstparty.nameserver.responder import Responder
from firstparty.zones.contents import BadZone, build_contents
from firstparty.zones.packing import pack_contents, unpack_contents
from firstparty.zones.signing import ZoneSigner, make_private_key

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
END = NOON + timedelta(days=21)
APEX = dns.name.from_text("cdp.shop.test")
SHOP = Zone(
    apex="cdp.shop.test",
    serial=7,
    nameservers=("b-tok.ns.fp.test", "a-tok.ns.fp.test"),
    hosts=("evs.cdp.shop.test", "api.eu.cdp.shop.test"),
    addresses=("192.0.2.2", "192.0.2.1", "2001:db8::1"),
    caa=(CaaRecord(flags=0, tag="issue", value="letsencrypt.org"),),
    txt={"_acme-challenge.evs.cdp.shop.test": ("token-2", "token-1")},
)
SIGNER = ZoneSigner(make_private_key())
SIGNED = SIGNER.sign(build_contents(SHOP, service_domain="fp.test"), now=NOON, until=END)
KEYS = {
    APEX: dns.rrset.from_rdata(
        APEX,
        3600,
        dns.rdata.from_wire(
            dns.rdataclass.IN, dns.rdatatype.DNSKEY, SIGNER.dnskey, 0, len(SIGNER.dnskey)
        ),
    )
}


def ask(name: str, rdtype: str = "A", *, is_signed: bool = True) -> dns.message.Message:
    answers = Answers()
    answers.put(compile_zone(SIGNED))
    limiter = RateLimiter(RateLimits(same=0, all=0))
    responder = Responder(answers, cookies=Cookies(bytes(32)), limiter=limiter)
    query = dns.message.make_query(name, rdtype, use_edns=0, want_dnssec=is_signed, payload=4096)
    by_rules = responder.answer_plainly(query.to_wire(), b"\xc0\x00\x02\x01")
    wire = responder.answer_udp(query.to_wire(), b"\xc0\x00\x02\x01")
    assert wire is not None
    assert wire == responder.answer_udp(query.to_wire(), b"\xc0\x00\x02\x01") == by_rules
    return dns.message.from_wire(wire)


def validate(rrsets: list[dns.rrset.RRset], at: datetime = NOON) -> list[dns.rrset.RRset]:
    """The sets that are no signatures, once each was found to have a good one."""
    kept = []
    for rrset in rrsets:
        if rrset.rdtype == dns.rdatatype.RRSIG:
            continue
        (signatures,) = (
            one
            for one in rrsets
            if one.rdtype == dns.rdatatype.RRSIG
            and (one.name, one.covers) == (rrset.name, rrset.rdtype)
        )
        dns.dnssec.validate(rrset, signatures, KEYS, now=at.timestamp())
        kept.append(rrset)
    return kept


@pytest.mark.parametrize(
    ("name", "rdtype"),
    [
        ("cdp.shop.test", "SOA"),
        ("cdp.shop.test", "NS"),
        ("cdp.shop.test", "CAA"),
        ("cdp.shop.test", "DNSKEY"),
        ("cdp.shop.test", "CDS"),
        ("cdp.shop.test", "CDNSKEY"),
        ("cdp.shop.test", "NSEC"),
        ("evs.cdp.shop.test", "A"),
        ("evs.cdp.shop.test", "AAAA"),
        ("evs.cdp.shop.test", "HTTPS"),
        ("_acme-challenge.evs.cdp.shop.test", "TXT"),
        ("cdp.shop.test", "ANY"),
    ],
)
def test_every_set_has_a_good_signature(name: str, rdtype: str) -> None:
    answer = ask(name, rdtype)

    assert validate(answer.answer)
    assert not answer.authority


def test_without_do_there_are_no_signatures() -> None:
    for name in ("evs.cdp.shop.test", "no.cdp.shop.test", "cdp.shop.test"):
        answer = ask(name, "A", is_signed=False)
        types = {rrset.rdtype for rrset in (*answer.answer, *answer.authority)}

        assert not types & {dns.rdatatype.RRSIG, dns.rdatatype.NSEC}


def test_a_signature_is_good_from_an_hour_before_until_its_end_and_no_longer() -> None:
    answer = ask("evs.cdp.shop.test")
    validate(answer.answer, NOON - timedelta(minutes=59))
    validate(answer.answer, END - timedelta(minutes=1))

    for bad in (NOON - timedelta(minutes=61), END + timedelta(minutes=1)):
        with pytest.raises(dns.dnssec.ValidationFailure):
            validate(answer.answer, bad)


def nsecs(answer: dns.message.Message) -> list[tuple[dns.name.Name, dns.rdtypes.ANY.NSEC.NSEC]]:
    kept = validate(answer.authority)
    assert sum(rrset.rdtype == dns.rdatatype.SOA for rrset in kept) == 1
    return [(one.name, one[0]) for one in kept if one.rdtype == dns.rdatatype.NSEC]


def covers(owner: dns.name.Name, nsec: dns.rdtypes.ANY.NSEC.NSEC, name: dns.name.Name) -> bool:
    return owner < name and (name < nsec.next or nsec.next == APEX)


@pytest.mark.parametrize(
    "name", ["no.cdp.shop.test", "a.b.evs.cdp.shop.test", "zz.cdp.shop.test", "aa.eu.cdp.shop.test"]
)
def test_a_name_that_is_not_there_is_denied_and_so_is_the_wildcard(name: str) -> None:
    answer, absent = ask(name), dns.name.from_text(name)
    proofs = nsecs(answer)
    existing = {"cdp.shop.test", "evs.cdp.shop.test", "eu.cdp.shop.test"}
    closest = next(
        one
        for one in (absent.parent(), absent.parent().parent())
        if one.to_text(omit_final_dot=True) in existing
    )

    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert any(covers(*proof, absent) for proof in proofs)
    assert any(covers(*proof, dns.name.from_text("*", closest)) for proof in proofs)


def test_a_type_that_is_not_there_is_denied_at_its_name() -> None:
    answer = ask("evs.cdp.shop.test", "MX")
    ((owner, nsec),) = nsecs(answer)
    listed = dns.rdatatype.to_text
    types = nsec.to_text().split()[1:]

    assert answer.rcode() == dns.rcode.NOERROR
    assert owner == dns.name.from_text("evs.cdp.shop.test")
    assert set(types) == {listed(t) for t in (1, 28, 46, 47, 65)}


def test_a_name_between_two_others_is_there_and_has_nothing() -> None:
    answer = ask("eu.cdp.shop.test", "A")
    ((owner, nsec),) = nsecs(answer)
    name = dns.name.from_text("eu.cdp.shop.test")

    assert answer.rcode() == dns.rcode.NOERROR
    assert covers(owner, nsec, name)
    assert nsec.next.is_subdomain(name)


def test_the_ds_that_we_show_is_the_one_that_dnspython_makes() -> None:
    key = KEYS[APEX][0]
    expected = [
        dns.dnssec.make_ds(APEX, key, kind, policy=dns.dnssec.allow_all_policy).to_text()
        for kind in ("SHA256", "SHA1", "SHA384")
    ]

    assert list(ds_texts("CDP.shop.test", SIGNER.dnskey)) == expected
    assert key_tag(SIGNER.dnskey) == dns.dnssec.key_id(key)
    assert ask("cdp.shop.test", "CDS").answer[0][0].to_text() == expected[0]


def test_signed_records_travel_as_they_are() -> None:
    assert unpack_contents(pack_contents(SIGNED)) == SIGNED


@given(st.binary(max_size=100))
def test_what_is_no_zone_is_a_bad_zone(octets: bytes) -> None:
    with pytest.raises(BadZone):
        unpack_contents(octets)


def test_another_key_does_not_sign_for_this_one() -> None:
    other = ZoneSigner(make_private_key())
    contents = build_contents(replace(SHOP, serial=8), service_domain="fp.test")
    rrset = other.sign(contents, now=NOON, until=END).owners[APEX.to_wire() or b""].rrsets[6]

    assert other.dnskey != SIGNER.dnskey
    assert rrset.signatures != SIGNED.owners[APEX.to_wire() or b""].rrsets[6].signatures
