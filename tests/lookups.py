"""The nameserver's answers to single queries, without a socket."""

import dns.message

from firstparty.model.feed import CaaRecord, Zone
from firstparty.nameserver.answers import Answers, compile_zone
from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import RateLimiter, RateLimits
from firstparty.nameserver.responder import Responder
from firstparty.zones.contents import build_contents

SHOP = Zone(
    apex="cdp.shop.test",
    serial=7,
    nameservers=("a-tok.ns.fp.test", "b-tok.ns.fp.test"),
    hosts=("evs.cdp.shop.test", "api.eu.cdp.shop.test"),
    addresses=("192.0.2.1", "2001:db8::1"),
    caa=(CaaRecord(flags=0, tag="issue", value="letsencrypt.org; validationmethods=dns-01"),),
    txt={"_acme-challenge.evs.cdp.shop.test": ("token-1", "token-2")},
)
LARGE = Zone(
    apex="large.test",
    serial=1,
    nameservers=("a-tok.ns.fp.test",),
    hosts=(),
    addresses=(),
    txt={
        "some.large.test": tuple(f"{n:0100}" for n in range(8)),  # between 512 and 1232 bytes
        "many.large.test": tuple(f"{n:0100}" for n in range(40)),
    },
)


def answers_of(*zones: Zone) -> Answers:
    answers = Answers()
    for zone in zones:
        answers.put(compile_zone(build_contents(zone, service_domain="fp.test")))
    return answers


def look_up(answers: Answers, query: bytes, *, is_udp: bool) -> bytes | None:
    responder = Responder(answers, cookies=COOKIES, limiter=RateLimiter(RateLimits()))
    answer = responder.answer_udp if is_udp else responder.answer_plainly
    return answer(query, b"\xc0\x00\x02\x63")


COOKIES = Cookies(bytes(32))
ANSWERS = answers_of(SHOP, LARGE)


def ask_message(query: dns.message.Message, *, is_udp: bool = True) -> dns.message.Message:
    wire = look_up(ANSWERS, query.to_wire(), is_udp=is_udp)
    assert wire is not None
    answer = dns.message.from_wire(wire)
    assert query.is_response(answer)
    return answer


def ask(name: str, rdtype: str, *, is_udp: bool = True, **options: object) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, **options)  # type: ignore[arg-type]
    return ask_message(query, is_udp=is_udp)


def texts(answer: dns.message.Message) -> list[str]:
    return sorted(record.to_text() for rrset in answer.answer for record in rrset)
