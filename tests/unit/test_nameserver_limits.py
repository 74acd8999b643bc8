import dns.flags
import dns.message
import pytest

from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import RateLimiter, RateLimits, Verdict
from firstparty.nameserver.responder import Responder
from firstparty.nameserver.udp import pack_address
from firstparty.nameserver.zones import Zones

WHAT = b"\x02fp\x04test\x00"


def verdicts(
    limits: RateLimits, addresses: list[str], *, what: bytes = WHAT, second: int = 1
) -> list[Verdict]:
    limiter = RateLimiter(limits)
    return [limiter.check(pack_address(address), what, second) for address in addresses]


def limits(**facts: object) -> RateLimits:
    defaults = {"same": 3, "all": 100, "slip": 0, "exempt": ()}
    return RateLimits(**(defaults | facts))  # type: ignore[arg-type]


def test_answers_beyond_the_limit_are_dropped() -> None:
    seen = verdicts(limits(), ["192.0.2.1"] * 5)

    assert seen == [Verdict.SEND] * 3 + [Verdict.DROP] * 2


@pytest.mark.parametrize(
    ("one", "other", "are_together"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8:0:1::1", "2001:db8:0:fe::1", True),
        ("2001:db8:0:1::1", "2001:db8:0:101::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", True),
        ("::ffff:192.0.2.1", "::ffff:198.51.100.1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_addresses_of_one_network_are_counted_together(
    one: str,
    other: str,
    are_together: bool,  # noqa: FBT001 -- drawn
) -> None:
    seen = verdicts(limits(), [one] * 3 + [other])

    assert (seen[-1] is Verdict.DROP) is are_together


def test_another_name_has_its_own_count_up_to_the_limit_of_all() -> None:
    limiter = RateLimiter(limits(all=5))
    seen = [
        limiter.check(pack_address("192.0.2.1"), what, 1)
        for what in (b"a", b"b", b"c")
        for _ in range(2)
    ]

    assert seen == [Verdict.SEND] * 5 + [Verdict.DROP]


def test_the_next_second_begins_anew() -> None:
    limiter = RateLimiter(limits(same=1))
    seen = [limiter.check(pack_address("192.0.2.1"), WHAT, second) for second in (1, 1, 2)]

    assert seen == [Verdict.SEND, Verdict.DROP, Verdict.SEND]


def test_every_other_answer_beyond_the_limit_is_slipped() -> None:
    seen = verdicts(limits(same=1, slip=2), ["192.0.2.1"] * 5)

    assert seen[1:] == [Verdict.DROP, Verdict.SLIP] * 2


def test_exempt_networks_and_a_limit_of_nothing_have_no_end() -> None:
    exempt = verdicts(limits(exempt=("192.0.2.0/24", "::1/128")), ["192.0.2.1", "::1"] * 50)
    unlimited = verdicts(limits(same=0, all=0), ["192.0.2.1"] * 100)

    assert {*exempt, *unlimited} == {Verdict.SEND}


def test_an_exempt_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not-a-network"):
        RateLimiter(limits(exempt=("not-a-network",)))


def a_responder(rate: RateLimits) -> Responder:
    zones = Zones(service_domain="fp.test", nameserver_addresses=["192.0.2.53"])
    return Responder(zones.answers, cookies=Cookies(bytes(32)), limiter=RateLimiter(rate))


def test_a_slipped_answer_sends_the_client_to_tcp_where_there_is_no_limit() -> None:
    responder = a_responder(limits(same=1, slip=1))
    query = dns.message.make_query("fp.test", "SOA").to_wire()
    over_udp = [responder.answer_udp(query, pack_address("192.0.2.1")) for _ in range(3)]
    over_tcp = [responder.answer_plainly(query, pack_address("192.0.2.1")) for _ in range(3)]

    slipped = dns.message.from_wire(over_udp[-1] or b"")
    assert slipped.flags & dns.flags.TC
    assert not slipped.answer
    assert len(over_udp[-1] or b"") <= len(query)
    assert all(dns.message.from_wire(wire or b"").answer for wire in over_tcp)


@pytest.mark.parametrize("name", ["{}.fp.test", "{}.elsewhere.test"])
def test_ever_new_names_that_are_not_there_are_counted_together(name: str) -> None:
    responder = a_responder(limits(same=3))
    queries = [dns.message.make_query(name.format(n), "A").to_wire() for n in range(10)]
    answers = [responder.answer_udp(query, pack_address("192.0.2.1")) for query in queries]

    assert [answer is not None for answer in answers] == [True] * 3 + [False] * 7
