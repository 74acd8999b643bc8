"""The probes of RFC 8906 §8, as ISC's ednscomp asks them, against the bytes that we answer."""

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest

from firstparty.model.feed import Zone
from firstparty.nameserver.answers import Answers, compile_zone
from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import RateLimiter, RateLimits
from firstparty.nameserver.responder import Responder
from firstparty.zones.contents import build_contents

APEX = "cdp.shop.test"
SHOP = Zone(
    apex=APEX,
    serial=7,
    nameservers=("a-tok.ns.fp.test", "b-tok.ns.fp.test"),
    hosts=("evs.cdp.shop.test",),
    addresses=("192.0.2.1",),
    txt={"large.cdp.shop.test": tuple(f"{n:0100}" for n in range(8))},
)
UNKNOWN_OPTION = dns.edns.GenericOption(100, b"")
UNKNOWN_FLAG = 0x40
# NSID, a client subnet, a cookie, EXPIRE
KNOWN_OPTIONS = [
    dns.edns.GenericOption(3, b""),
    dns.edns.GenericOption(8, b"\x00\x01\x00\x00"),
    dns.edns.GenericOption(10, b"12345678"),
    dns.edns.GenericOption(9, b""),
]


def a_responder() -> Responder:
    answers = Answers()
    answers.put(compile_zone(build_contents(SHOP, service_domain="fp.test")))
    limiter = RateLimiter(RateLimits(same=0, all=0))
    return Responder(answers, cookies=Cookies(bytes(32)), limiter=limiter)


def probe(query: dns.message.Message | bytes, *, is_udp: bool = True) -> dns.message.Message:
    wire = query if isinstance(query, bytes) else query.to_wire()
    responder = a_responder()
    answer = (responder.answer_udp if is_udp else responder.answer_plainly)(
        wire, b"\xc0\x00\x02\x63"
    )
    assert answer is not None
    message = dns.message.from_wire(answer)
    assert message.flags & dns.flags.QR
    assert message.id == int.from_bytes(wire[:2], "big")
    return message


def a_query(rdtype: str = "SOA", name: str = APEX, **edns: object) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, **edns)  # type: ignore[arg-type]
    query.flags = dns.flags.Flag(0)
    return query


def has_soa(message: dns.message.Message) -> bool:
    return bool(message.answer) and message.answer[0].rdtype == dns.rdatatype.SOA


def is_authoritative(message: dns.message.Message) -> bool:
    return bool(message.flags & dns.flags.AA)


@pytest.mark.parametrize("is_udp", [True, False])
def test_8_1_1_and_8_1_5_the_soa_is_answered_over_udp_and_tcp(is_udp: bool) -> None:  # noqa: FBT001
    answer = probe(a_query(), is_udp=is_udp)

    assert answer.rcode() == dns.rcode.NOERROR
    assert has_soa(answer)
    assert is_authoritative(answer)
    assert answer.edns == -1


@pytest.mark.parametrize("rdtype", ["TYPE1000", "TYPE666", "TYPE65534"])
def test_8_1_2_an_unknown_type_is_nodata(rdtype: str) -> None:
    answer = probe(a_query(rdtype))

    assert answer.rcode() == dns.rcode.NOERROR
    assert not answer.answer
    assert [rrset.rdtype for rrset in answer.authority] == [dns.rdatatype.SOA]
    assert is_authoritative(answer)


@pytest.mark.parametrize(
    ("flag", "is_copied"),
    [
        (dns.flags.CD, True),
        (dns.flags.AD, False),
        (0x40, False),  # reserved
        (dns.flags.RD, True),
    ],
)
def test_8_1_3_header_flags_do_no_harm(flag: int, is_copied: bool) -> None:  # noqa: FBT001 -- drawn
    query = a_query()
    query.flags = dns.flags.Flag(flag)
    answer = probe(query)

    assert answer.rcode() == dns.rcode.NOERROR
    assert has_soa(answer)
    assert bool(answer.flags & flag) is is_copied
    assert not answer.flags & dns.flags.RA


@pytest.mark.parametrize("opcode", [1, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
def test_8_1_4_an_unknown_opcode_is_not_implemented(opcode: int) -> None:
    header = b"id" + bytes((opcode << 3, 0)) + bytes(8)
    answer = probe(header)

    assert answer.opcode() == opcode
    assert answer.rcode() == dns.rcode.NOTIMP
    assert not answer.question
    assert not answer.answer


def test_8_2_1_edns_is_answered_with_edns() -> None:
    answer = probe(a_query(use_edns=0, payload=4096))

    assert answer.edns == 0
    assert has_soa(answer)


def test_8_2_2_an_unknown_version_is_told_the_one_that_we_know() -> None:
    answer = probe(a_query(use_edns=1))

    assert answer.rcode() == dns.rcode.BADVERS
    assert answer.edns == 0
    assert not answer.answer


def test_8_2_3_an_unknown_option_is_ignored() -> None:
    answer = probe(a_query(use_edns=0, options=[UNKNOWN_OPTION]))

    assert has_soa(answer)
    assert answer.edns == 0
    assert not answer.options


def test_8_2_4_an_unknown_flag_is_ignored_and_not_echoed() -> None:
    answer = probe(a_query(use_edns=0, ednsflags=UNKNOWN_FLAG))

    assert has_soa(answer)
    assert answer.ednsflags == 0


def test_8_2_5_an_unknown_version_with_an_unknown_flag() -> None:
    answer = probe(a_query(use_edns=1, ednsflags=UNKNOWN_FLAG))

    assert answer.rcode() == dns.rcode.BADVERS
    assert not answer.ednsflags & UNKNOWN_FLAG
    assert not answer.answer


def test_8_2_6_an_unknown_version_with_an_unknown_option() -> None:
    answer = probe(a_query(use_edns=1, options=[UNKNOWN_OPTION]))

    assert answer.rcode() == dns.rcode.BADVERS
    assert not answer.options
    assert not answer.answer


def test_8_2_7_a_truncated_answer_has_its_opt() -> None:
    answer = probe(a_query("TXT", "large.cdp.shop.test", use_edns=0, payload=512, want_dnssec=True))

    assert answer.flags & dns.flags.TC
    assert answer.edns == 0


def test_8_2_8_do_is_echoed() -> None:
    answer = probe(a_query(use_edns=0, want_dnssec=True))

    assert answer.ednsflags & dns.flags.DO
    assert has_soa(answer)


def test_8_2_9_edns_over_tcp() -> None:
    answer = probe(a_query(use_edns=0), is_udp=False)

    assert answer.edns == 0
    assert has_soa(answer)


@pytest.mark.parametrize("option", KNOWN_OPTIONS)
def test_8_2_10_each_known_option_is_answered(option: dns.edns.GenericOption) -> None:
    answer = probe(a_query(use_edns=0, options=[option]))

    assert has_soa(answer)
    assert is_authoritative(answer)


def test_8_2_10_all_of_them_together_are_answered() -> None:
    answer = probe(a_query(use_edns=0, options=KNOWN_OPTIONS))

    assert has_soa(answer)
    assert [option.otype for option in answer.options] == [dns.edns.OptionType.COOKIE]


def test_a_name_of_nobody_here_is_refused_with_edns_and_without() -> None:
    plain, with_edns = probe(a_query(name="x.test")), probe(a_query(name="x.test", use_edns=0))

    assert plain.rcode() == with_edns.rcode() == dns.rcode.REFUSED
    assert (plain.edns, with_edns.edns) == (-1, 0)


@pytest.mark.parametrize("name", ["version.bind", "hostname.bind", "id.server"])
def test_nothing_is_told_of_the_software(name: str) -> None:
    query = dns.message.make_query(name, "TXT", "CH")

    assert probe(query).rcode() == dns.rcode.REFUSED
