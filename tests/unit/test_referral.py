import dns.message
import dns.name
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstparty.resolver.probe import build_query, read_reply
from firstparty.resolver.referral import Cut, Lame, NoCut, as_text, read_cut

NAME = dns.name.from_text("cdp.shop.test")
ZONE = dns.name.from_text("shop.test")
HEAD = "id 1\nopcode QUERY\nrcode {rcode}\nflags QR{flags}\n;QUESTION\ncdp.shop.test. IN NS\n"


def reply(
    *,
    answer: str = "",
    authority: str = "",
    additional: str = "",
    flags: str = "",
    rcode: str = "NOERROR",
) -> dns.message.Message:
    sections = (("ANSWER", answer), ("AUTHORITY", authority), ("ADDITIONAL", additional))
    body = "".join(f";{name}\n{records}\n" for name, records in sections if records)
    return dns.message.from_text(HEAD.format(rcode=rcode, flags=flags) + body)


OURS = "cdp.shop.test. 60 IN NS A.ns.fp.test."


def test_a_referral_is_a_cut() -> None:
    told = read_cut(reply(authority=OURS), zone=ZONE, name=NAME)

    assert told == Cut(nameservers=frozenset({"a.ns.fp.test"}))


def test_a_ds_in_the_referral_is_seen() -> None:
    ds = "cdp.shop.test. 60 IN DS 1 13 2 " + "00" * 32
    told = read_cut(reply(authority=f"{OURS}\n{ds}"), zone=ZONE, name=NAME)

    assert isinstance(told, Cut)
    assert told.ds


def test_an_authoritative_answer_is_a_cut_without_a_referral() -> None:
    told = read_cut(reply(answer=OURS, flags=" AA"), zone=ZONE, name=NAME)

    assert told == Cut(nameservers=frozenset({"a.ns.fp.test"}), is_referral=False)


def test_glue_counts_only_for_names_in_the_zone_of_the_server() -> None:
    told = read_cut(
        reply(
            authority="cdp.shop.test. 60 IN NS ns.shop.test.\ncdp.shop.test. 60 IN NS ns.fp.test.",
            additional="ns.shop.test. 60 IN A 192.0.2.1\nns.fp.test. 60 IN A 192.0.2.2",
        ),
        zone=ZONE,
        name=NAME,
    )

    assert isinstance(told, Cut)
    assert told.glue == {"ns.shop.test": ("192.0.2.1",)}


@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN"])
def test_an_authoritative_negative_answer_is_no_cut(rcode: str) -> None:
    told = read_cut(reply(flags=" AA", rcode=rcode), zone=ZONE, name=NAME)

    assert told == NoCut()


def test_a_cname_at_the_name_is_no_cut() -> None:
    answer = "cdp.shop.test. 60 IN CNAME Other.test."
    told = read_cut(reply(answer=answer, flags=" AA"), zone=ZONE, name=NAME)

    assert told == NoCut(cname="other.test")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(reply(answer=OURS), id="a cache"),
        pytest.param(reply(authority="test. 60 IN NS ns.test."), id="a referral upwards"),
        pytest.param(reply(authority="shop.test. 60 IN NS ns.test."), id="to the zone itself"),
        pytest.param(reply(authority="x.cdp.shop.test. 60 IN NS ns.test."), id="further down"),
        pytest.param(reply(rcode="NXDOMAIN"), id="a negative answer of a cache"),
        pytest.param(reply(authority=OURS, rcode="NXDOMAIN"), id="both at once"),
        pytest.param(reply(rcode="REFUSED"), id="refused"),
        pytest.param(reply(rcode="SERVFAIL", flags=" AA"), id="failed"),
    ],
)
def test_a_server_that_does_not_speak_for_the_zone_is_lame(message: dns.message.Message) -> None:
    assert read_cut(message, zone=ZONE, name=NAME) == Lame()


def test_names_are_told_in_lower_case_without_the_final_dot() -> None:
    assert as_text(dns.name.from_text("A.Ns.Test.")) == "a.ns.test"
    assert as_text(dns.name.root) == ""


def answer_to(query: dns.message.Message) -> bytearray:
    return bytearray(dns.message.make_response(query).to_wire())


def a_query() -> dns.message.Message:
    return build_query(dns.name.from_text("a-name-long-enough.to-have-both-cases.test"), 2)


def test_an_answer_to_our_question_is_read() -> None:
    query = a_query()

    assert read_reply(query, bytes(answer_to(query)), needs_case=True) is not None


def test_a_wrong_id_is_not_an_answer() -> None:
    query = a_query()
    wire = answer_to(query)
    wire[0] ^= 1

    assert read_reply(query, bytes(wire), needs_case=True) is None


def test_a_wrong_letter_case_is_not_an_answer_where_it_could_be_forged() -> None:
    query = a_query()
    wire = answer_to(query)
    wire[13] ^= 0x20

    assert read_reply(query, bytes(wire), needs_case=True) is None
    assert read_reply(query, bytes(wire), needs_case=False) is not None


def test_another_type_is_not_an_answer() -> None:
    query = a_query()
    other = build_query(query.question[0].name, 1)
    other.id = query.id
    other.question[0].name = query.question[0].name

    assert read_reply(query, bytes(answer_to(other)), needs_case=True) is None


def test_a_query_and_garbage_are_not_answers() -> None:
    query = a_query()

    assert read_reply(query, query.to_wire(), needs_case=True) is None
    assert read_reply(query, b"\xff" * 40, needs_case=True) is None


def test_a_query_is_iterative_and_its_case_is_random() -> None:
    names = {a_query().question[0].name.labels for _ in range(20)}

    assert len(names) > 1
    assert not a_query().flags


def a_full_answer() -> dns.message.Message:
    query = a_query()
    answer = dns.message.make_response(query)
    name = query.question[0].name
    answer.authority.append(dns.rrset.from_text(name, 60, "IN", "NS", "ns.shop.test."))
    answer.additional.append(dns.rrset.from_text("ns.shop.test.", 60, "IN", "A", "192.0.2.1"))
    answer.additional.append(dns.rrset.from_text("ns.shop.test.", 60, "IN", "TXT", "x"))
    return answer


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    st.integers(0, 40),
    st.binary(max_size=30),
)
@settings(max_examples=300)
def test_no_bytes_from_a_server_make_reading_raise(
    changes: list[tuple[int, int]], cut: int, surplus: bytes
) -> None:
    answer = a_full_answer()
    octets = bytearray(answer.to_wire())
    for at, octet in changes:
        octets[at % len(octets)] = octet
    wire = bytes(octets[: len(octets) - cut]) + surplus
    read = read_reply(answer, wire, needs_case=False)  # its question is the query's

    assert read is None or isinstance(
        read_cut(read, zone=ZONE, name=answer.question[0].name), Cut | NoCut | Lame
    )


@given(st.binary(max_size=100))
def test_rubbish_is_not_an_answer(wire: bytes) -> None:
    assert read_reply(a_query(), wire, needs_case=False) is None
