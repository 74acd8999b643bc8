"""Real queries with octets changed, cut out, doubled and added. The dice are the same on each run.

``FIRSTPARTY_MUTATED_PACKETS=1000000`` makes it the long run whose result is in docs/benchmarks.md.
"""

import os
import random

import dns.edns
import dns.message
import pytest

from firstparty.model.feed import Zone
from firstparty.nameserver.answers import Answers, compile_zone
from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import RateLimiter, RateLimits
from firstparty.nameserver.responder import Responder
from firstparty.zones.contents import build_contents

COUNT = int(os.environ.get("FIRSTPARTY_MUTATED_PACKETS", "20000"))
READ_BY_DNSPYTHON = 50  # every so many-th answer
SHOP = Zone(
    apex="cdp.shop.test",
    serial=7,
    nameservers=("a-tok.ns.fp.test", "b-tok.ns.fp.test"),
    hosts=("evs.cdp.shop.test",),
    addresses=("192.0.2.1", "2001:db8::1"),
    txt={"many.cdp.shop.test": tuple(f"{n:0100}" for n in range(40))},
)


def originals() -> list[bytes]:
    """Queries of every form that the nameserver treats differently."""
    options = [None, b"12345678", b"1" * 24, b"1" * 7]
    names = ["cdp.shop.test", "evs.cdp.shop.test", "no.cdp.shop.test", "many.cdp.shop.test", "x"]
    return [
        dns.message.make_query(
            name,
            rdtype,
            use_edns=edns,
            want_dnssec=is_signed,
            options=[dns.edns.GenericOption(10, cookie)] if cookie else None,
        ).to_wire()
        for name in names
        for rdtype in ("A", "SOA", "TXT", "ANY", "AXFR", "TYPE65")
        for edns in (-1, 0, 1)
        for is_signed in ([False, True] if edns == 0 else [False])
        for cookie in (options if edns == 0 else [None])
    ]


def mutate(dice: random.Random, wire: bytes) -> bytes:
    octets = bytearray(wire)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3, 8))):
        at = dice.randrange(len(octets) or 1)
        match dice.randrange(6):
            case 0 | 1:
                octets[at : at + 1] = dice.randbytes(1)
            case 2:
                octets[at : at + 1] = bytes((dice.choice((0, 1, 0x3F, 0x40, 0x80, 0xC0, 0xFF)),))
            case 3:
                del octets[at : at + dice.randrange(1, 12)]
            case 4:
                octets[at:at] = octets[at : at + dice.randrange(1, 24)]
            case _:
                octets += dice.randbytes(dice.randrange(1, 32))
    return bytes(octets)


@pytest.mark.timeout(3600)
def test_mutated_packets_get_a_well_formed_answer_or_none() -> None:
    dice, queries = random.Random(1035), originals()
    answers = Answers()
    answers.put(compile_zone(build_contents(SHOP, service_domain="fp.test")))
    limits = RateLimits(same=20, all=1_000)  # so that drops and slips are among what happens
    responder = Responder(answers, cookies=Cookies(bytes(32)), limiter=RateLimiter(limits))
    answered = 0
    for number in range(COUNT):
        query = mutate(dice, dice.choice(queries))
        is_udp = bool(number % 8)
        if not number % 1_000:
            responder.tick()
        answer = (responder.answer_udp if is_udp else responder.answer_plainly)(
            query, bytes((198, 51, number % 256, 1))
        )
        if answer is None:
            continue
        answered += 1

        assert answer[:2] == query[:2]
        assert answer[2] & 0x80
        assert len(answer) <= (1232 if is_udp else 65_535)
        if not answered % READ_BY_DNSPYTHON:
            dns.message.from_wire(answer)
    assert answered > COUNT // 4
