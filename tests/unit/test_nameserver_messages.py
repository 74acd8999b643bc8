"""What the nameserver makes of a message, whatever it asks for: its header, its form, its size."""

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lookups import ANSWERS, ask, ask_message, look_up, texts


@pytest.mark.parametrize("rdclass", [dns.rdataclass.CH, dns.rdataclass.ANY, dns.rdataclass.HS])
def test_other_classes_are_refused(rdclass: dns.rdataclass.RdataClass) -> None:
    query = dns.message.make_query("cdp.shop.test", "TXT", rdclass)

    assert ask_message(query).rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize("rdtype", ["AXFR", "IXFR"])
@pytest.mark.parametrize("name", ["cdp.shop.test", "other.test"])
def test_transfers_are_refused(name: str, rdtype: str) -> None:
    query = dns.message.make_query(name, rdtype)
    wire = look_up(ANSWERS, query.to_wire(), is_udp=False)

    assert wire is not None
    assert dns.message.from_wire(wire).rcode() == dns.rcode.REFUSED


def test_any_gets_one_rrset() -> None:
    answer = ask("cdp.shop.test", "ANY")

    assert len(answer.answer) == 1


@pytest.mark.parametrize("opcode", [1, 2, 3, 4, 5, 15])
def test_other_opcodes_are_not_implemented(opcode: int) -> None:
    query = dns.message.make_query("cdp.shop.test", "SOA").to_wire()
    asked = query[:2] + bytes([opcode << 3 | query[2] & 0x07]) + query[3:]
    wire = look_up(ANSWERS, asked, is_udp=True)

    assert wire is not None
    assert wire[:2] == query[:2]
    assert wire[2] >> 3 & 0x0F == opcode
    assert wire[3] & 0x0F == dns.rcode.NOTIMP


@pytest.mark.parametrize("questions", [0, 2, 65535])
def test_anything_but_one_question_is_a_format_error(questions: int) -> None:
    query = dns.message.make_query("cdp.shop.test", "SOA", use_edns=None).to_wire()
    wire = look_up(ANSWERS, query[:4] + questions.to_bytes(2, "big") + query[6:], is_udp=True)

    assert wire is not None
    assert dns.message.from_wire(wire).rcode() == dns.rcode.FORMERR


@pytest.mark.parametrize(
    "question",
    [
        b"\x03cdp\xc0\x0c\x00\x01\x00\x01",  # a pointer, to itself
        b"\x40" + bytes(64) + b"\x00\x00\x01\x00\x01",  # a label type of no meaning
        (b"\x3f" + b"a" * 63) * 4 + b"\x00\x00\x01\x00\x01",  # 257 octets
        b"\x03cdp",
        b"\x03cdp\x00\x00\x01\x00",
        b"\x03cdp\x00\x00\x01\x00\x01surplus",
    ],
)
def test_a_question_that_is_not_well_formed_is_a_format_error(question: bytes) -> None:
    wire = look_up(ANSWERS, b"id\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" + question, is_udp=True)

    assert wire is not None
    assert wire[:2] == b"id"
    assert dns.message.from_wire(wire).rcode() == dns.rcode.FORMERR


def test_two_opt_records_are_a_format_error() -> None:
    query = dns.message.make_query("cdp.shop.test", "SOA", use_edns=0).to_wire()
    wire = look_up(ANSWERS, query[:11] + b"\x02" + query[12:] + query[-11:], is_udp=True)

    assert wire is not None
    assert dns.message.from_wire(wire).rcode() == dns.rcode.FORMERR


@pytest.mark.parametrize("name", ["cdp.shop.test", "other.test"])
def test_an_unknown_edns_version_is_told_ours(name: str) -> None:
    answer = ask(name, "SOA", use_edns=1)

    assert answer.rcode() == dns.rcode.BADVERS
    assert answer.edns == 0
    assert not answer.answer


def test_unknown_edns_options_and_flags_are_ignored() -> None:
    option = dns.edns.GenericOption(65001, b"whatever")
    answer = ask("evs.cdp.shop.test", "A", use_edns=0, options=[option], ednsflags=0x4001)

    assert texts(answer) == ["192.0.2.1"]
    assert answer.options == ()
    assert answer.ednsflags == 0


def test_do_is_copied_and_our_payload_is_1232() -> None:
    answer = ask("evs.cdp.shop.test", "A", want_dnssec=True, payload=4096)

    assert answer.ednsflags == dns.flags.DO
    assert answer.payload == 1232


def test_rd_and_cd_are_copied_and_ad_is_not() -> None:
    query = dns.message.make_query("evs.cdp.shop.test", "A")
    query.flags |= dns.flags.CD | dns.flags.AD
    answer = ask_message(query)

    assert answer.flags == dns.flags.QR | dns.flags.AA | dns.flags.RD | dns.flags.CD


@pytest.mark.parametrize(
    ("name", "payload", "is_truncated"),
    [
        ("some.large.test", None, True),
        ("some.large.test", 100, True),  # less than 512 means 512
        ("some.large.test", 1232, False),
        ("many.large.test", 1232, True),
        ("many.large.test", 65535, True),  # we never send more than 1232
    ],
)
def test_what_does_not_fit_into_udp_is_truncated(
    name: str, payload: int | None, *, is_truncated: bool
) -> None:
    edns = None if payload is None else 0
    answer = ask(name, "TXT", use_edns=edns, payload=payload or 0)

    assert bool(answer.flags & dns.flags.TC) is is_truncated
    assert bool(answer.answer) is not is_truncated


def test_over_tcp_nothing_is_truncated() -> None:
    answer = ask("many.large.test", "TXT", is_udp=False)

    assert not answer.flags & dns.flags.TC
    assert len(texts(answer)) == 40


def test_responses_and_fragments_of_a_header_get_no_answer() -> None:
    response = dns.message.make_response(dns.message.make_query("cdp.shop.test", "SOA"))

    assert look_up(ANSWERS, response.to_wire(), is_udp=True) is None
    assert look_up(ANSWERS, b"\x00" * 11, is_udp=True) is None


def mutated(wire: bytes, changes: list[tuple[int, int]], cut: int, surplus: bytes) -> bytes:
    octets = bytearray(wire)
    for at, octet in changes:
        octets[at % len(octets)] = octet
    return bytes(octets[: len(octets) - cut]) + surplus


NEARLY_QUERIES = st.builds(
    mutated,
    st.builds(
        lambda name, rdtype, edns: dns.message.make_query(
            name, dns.rdatatype.RdataType.make(rdtype), use_edns=edns
        ).to_wire(),
        st.sampled_from(["cdp.shop.test", "EVS.cdp.shop.test", "no.cdp.shop.test", "x.test"]),
        st.sampled_from([1, 2, 6, 16, 28, 65, 250, 251, 252, 255, 257]),
        st.sampled_from([None, 0, 1]),
    ),
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 255)), max_size=4),
    st.integers(0, 12),
    st.binary(max_size=12),
)


@given(st.one_of(st.binary(max_size=80), NEARLY_QUERIES), st.booleans())
def test_no_bytes_make_it_raise_or_answer_what_cannot_be_read(query: bytes, is_udp: bool) -> None:  # noqa: FBT001 -- drawn
    wire = look_up(ANSWERS, query, is_udp=is_udp)

    if len(query) < 12 or query[2] & 0x80:
        assert wire is None
        return
    assert wire is not None
    answer = dns.message.from_wire(wire)
    assert answer.flags & dns.flags.QR
    assert wire[:2] == query[:2]
    if answer.question:
        question = wire[12 : 12 + len(answer.question[0].name.to_wire() or b"") + 4]
        assert query[12:].startswith(question)
    assert not is_udp or len(wire) <= 1232


@given(NEARLY_QUERIES)
def test_the_quick_path_answers_as_the_slow_one(query: bytes) -> None:
    # The flag Z is meaningless and takes a query off the quick path.
    slow = query[:3] + bytes([query[3] | 0x40]) + query[4:] if len(query) > 3 else query

    assert look_up(ANSWERS, query, is_udp=True) == look_up(ANSWERS, slow, is_udp=True)
