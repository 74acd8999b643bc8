import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import RateLimiter, RateLimits
from firstparty.nameserver.responder import Responder
from firstparty.nameserver.zones import Zones

CLIENT = b"12345678"
NOON = 1_800_000_000
ADDRESS = b"\xc0\x00\x02\x63"


def new_responder(same: int = 0) -> Responder:
    zones = Zones(service_domain="fp.test", nameserver_addresses=["192.0.2.53"])
    limits = RateLimits(same=same, all=0, slip=1, exempt=())
    return Responder(zones.answers, cookies=Cookies(bytes(32)), limiter=RateLimiter(limits))


def a_query(cookie: bytes | None, name: str = "fp.test") -> bytes:
    options = [] if cookie is None else [dns.edns.GenericOption(10, cookie)]
    return dns.message.make_query(name, "SOA", use_edns=0, options=options).to_wire()


def ask(
    responder: Responder, cookie: bytes | None, address: bytes = ADDRESS, name: str = "fp.test"
) -> tuple[dns.message.Message, bytes]:
    """The answer and the cookie in it."""
    wire = responder.answer_udp(a_query(cookie, name), address)
    assert wire is not None
    answer = dns.message.from_wire(wire)
    return answer, b"".join(option.to_wire() or b"" for option in answer.options)


def test_a_clients_cookie_comes_back_with_one_of_ours_behind_it() -> None:
    answer, cookie = ask(new_responder(), CLIENT)

    assert answer.rcode() == dns.rcode.NOERROR
    assert answer.answer
    assert len(cookie) == 24
    assert cookie.startswith(CLIENT)


def test_without_a_cookie_there_is_none_in_the_answer() -> None:
    assert ask(new_responder(), None)[1] == b""


def test_our_cookie_comes_back_as_it_is() -> None:
    responder = new_responder()
    cookie = ask(responder, CLIENT)[1]

    assert ask(responder, cookie)[1] == cookie


@pytest.mark.parametrize("name", ["no.fp.test", "elsewhere.test"])
def test_answers_of_every_kind_have_the_cookie(name: str) -> None:
    assert ask(new_responder(), CLIENT, name=name)[1].startswith(CLIENT)


def test_a_cookie_is_good_for_its_own_address_alone() -> None:
    cookies = Cookies(bytes(32))
    cookie = cookies.make(CLIENT, ADDRESS, NOON)

    assert cookies.check(cookie, ADDRESS, NOON)[0]
    assert not cookies.check(cookie, b"\xc0\x00\x02\x62", NOON)[0]


def test_a_cookie_of_another_secret_is_replaced() -> None:
    cookie = Cookies(b"x" * 32).make(CLIENT, ADDRESS, NOON)
    is_known, fresh = Cookies(bytes(32)).check(cookie, ADDRESS, NOON)

    assert not is_known
    assert fresh != cookie


@pytest.mark.parametrize(
    ("age", "is_known", "is_kept"),
    [
        (0, True, True),
        (1800, True, True),
        (1801, True, False),  # RFC 9018 §4.3: renewed from half an hour on
        (3600, True, False),
        (3601, False, False),
        (-300, True, True),
        (-301, False, False),
    ],
)
@pytest.mark.parametrize("was_seen_before", [False, True])
def test_a_cookie_grows_old(
    age: int,
    is_known: bool,  # noqa: FBT001 -- drawn
    is_kept: bool,  # noqa: FBT001 -- drawn
    was_seen_before: bool,  # noqa: FBT001 -- drawn
) -> None:
    cookies = Cookies(bytes(32))
    made = NOON - NOON % 86_400 - 60  # the key changes while it is good
    cookie = cookies.make(CLIENT, ADDRESS, made)
    if was_seen_before:
        assert cookies.check(cookie, ADDRESS, made)[0]
    known, answered = cookies.check(cookie, ADDRESS, made + age)

    assert known is is_known
    assert (answered == cookie) is is_kept


@given(st.binary(min_size=8, max_size=40))
def test_nobody_guesses_a_cookie(cookie: bytes) -> None:
    is_known, fresh = Cookies(bytes(32)).check(cookie, ADDRESS, NOON)

    assert not is_known
    assert fresh[:8] == cookie[:8]


@pytest.mark.parametrize("length", [0, 7, 9, 15, 41])
def test_a_cookie_of_a_wrong_length_is_a_format_error(length: int) -> None:
    wire = new_responder().answer_udp(a_query(b"c" * length), ADDRESS)

    assert wire is not None
    assert dns.message.from_wire(wire).rcode() == dns.rcode.FORMERR


@pytest.mark.parametrize("length", [8, 16, 24, 40])
def test_a_cookie_of_any_right_length_gets_an_answer(length: int) -> None:
    assert ask(new_responder(), b"c" * length)[0].answer


def test_of_several_cookies_the_first_counts() -> None:
    options = [dns.edns.GenericOption(10, CLIENT), dns.edns.GenericOption(10, b"87654321")]
    query = dns.message.make_query("fp.test", "SOA", use_edns=0, options=options).to_wire()
    wire = new_responder().answer_udp(query, ADDRESS)

    assert wire is not None
    assert CLIENT in wire
    assert b"87654321" not in wire


def test_a_cookie_is_had_without_a_question() -> None:
    query = dns.message.Message()
    query.use_edns(0, options=[dns.edns.GenericOption(10, CLIENT)])
    query.flags = dns.flags.Flag(0)
    wire = new_responder().answer_udp(query.to_wire(), ADDRESS)

    assert wire is not None
    answer = dns.message.from_wire(wire)
    assert answer.rcode() == dns.rcode.NOERROR
    assert not answer.question
    assert CLIENT in wire


def test_a_client_with_our_cookie_has_no_limit() -> None:
    responder = new_responder(same=3)
    cookie = ask(responder, CLIENT)[1]
    answers = [ask(responder, cookie)[0] for _ in range(20)]

    assert all(answer.answer for answer in answers)


def test_beyond_the_limit_a_client_that_knows_cookies_is_told_badcookie_and_then_answered() -> None:
    responder = new_responder(same=3)
    beyond, cookie = [ask(responder, CLIENT) for _ in range(20)][-1]
    again = ask(responder, cookie)[0]

    assert beyond.rcode() == dns.rcode.BADCOOKIE
    assert not beyond.answer
    assert again.answer


def test_a_cookie_over_tcp_is_answered_too() -> None:
    wire = new_responder().answer_plainly(a_query(CLIENT), ADDRESS)

    assert wire is not None
    assert CLIENT in wire
