"""What is to be answered to a query, as the RFCs say (pure); never raises, whatever the bytes.

There are no referrals: what is not ours is refused.
"""

from typing import Final, NamedTuple

from firstparty.nameserver.answers import AXFR, IXFR, Answers, CompiledZone, Tail
from firstparty.nameserver.forms import (
    AA,
    CD,
    CLASS_IN,
    COOKIE_OPTION,
    MAX_UDP_PAYLOAD,
    MIN_UDP_PAYLOAD,
    NO_OPTIONS,
    NXDOMAIN,
    ONE_QUESTION,
    ONE_QUESTION_AND_OPT,
    OPT,
    OPT_DO,
    QR,
    RD,
    REFUSED,
    TC,
)
from firstparty.nameserver.query import HEADER_LENGTH, Edns, Malformed, Query, parse_query

ZONE_TRANSFERS: Final = (IXFR, AXFR)
_FORMERR: Final = 1
_NOTIMP: Final = 4
_BADVERS: Final = 16
_BADCOOKIE: Final = 23
_OPCODE: Final = 0x78
NOTHING: Final = Tail(ONE_QUESTION, ONE_QUESTION_AND_OPT, b"")
_NO_QUESTION: Final = Tail(bytes(8), bytes(7) + b"\x01", b"")


class Reply(NamedTuple):
    """What is to be answered: the question again, flags, rcode (12 bits) and records.

    ``edns`` is the query's; ``about`` is what answers are counted by, for the rate limits.
    """

    question: bytes
    flags: int
    rcode: int
    tail: Tail
    edns: Edns | None
    about: bytes


# Only a header: the question cannot be read, or means nothing to us.
_NOT_IMPLEMENTED: Final = Reply(b"", 0, _NOTIMP, _NO_QUESTION, None, b"")
_MALFORMED: Final = Reply(b"", 0, _FORMERR, _NO_QUESTION, None, b"")


def look_up(answers: Answers, wire: bytes) -> Reply | None:
    """The reply to ``wire``, or None where there must be none (too short, or a response)."""
    if len(wire) < HEADER_LENGTH or wire[2] & QR:
        return None  # a response to a response is a loop
    if wire[2] & _OPCODE:
        return _NOT_IMPLEMENTED
    try:
        query = parse_query(wire)
    except Malformed:
        return _MALFORMED
    return _decide(answers, query)


def _decide(answers: Answers, query: Query) -> Reply:
    question, edns = query.question, query.edns
    if not question:
        return Reply(b"", 0, 0, _NO_QUESTION, edns, b"")
    if edns is not None and edns.version:
        return Reply(question, 0, _BADVERS, NOTHING, edns, b"")
    if query.qclass != CLASS_IN or query.qtype in ZONE_TRANSFERS:
        return Reply(question, 0, REFUSED, NOTHING, edns, b"")
    return _find(answers, query)


def _find(answers: Answers, query: Query) -> Reply:
    question, qname, qtype, _, edns = query
    found = answers.index.get(qname) or answers.find(qname)
    if found is None:
        return Reply(question, 0, REFUSED, NOTHING, edns, b"")
    is_signed = edns is not None and edns.is_dnssec_ok
    if isinstance(found, CompiledZone):
        tail = found.build_nxdomain(qname, is_signed=is_signed)
        return Reply(question, AA, NXDOMAIN, tail, edns, found.apex)
    tails, nodata = (found.signed, found.signed_nodata) if is_signed else found[:2]
    return Reply(question, AA, 0, tails.get(qtype, nodata), edns, qname)


def build_answer(wire: bytes, reply: Reply, *, cookie: bytes, is_udp: bool) -> bytes:
    """The answer to ``wire`` on the wire, cut short if it does not fit."""
    answer = _build(wire, reply, cookie)
    if is_udp and len(answer) > _limit(reply.edns):
        return build_truncated(wire, reply, cookie=cookie)
    return answer


def build_truncated(wire: bytes, reply: Reply, *, cookie: bytes) -> bytes:
    """Come back over TCP. Empty, as Knot does: half a set of records is of no use to anybody."""
    empty = NOTHING if reply.question else _NO_QUESTION
    return _build(wire, reply._replace(flags=reply.flags | TC, tail=empty), cookie)


def build_bad_cookie(wire: bytes, reply: Reply, *, cookie: bytes) -> bytes:
    """Come back with this cookie (RFC 7873 §5.2.3)."""
    empty = NOTHING if reply.question else _NO_QUESTION
    return _build(wire, reply._replace(flags=0, rcode=_BADCOOKIE, tail=empty), cookie)


def _limit(edns: Edns | None) -> int:
    if edns is None:
        return MIN_UDP_PAYLOAD
    return min(max(edns.payload, MIN_UDP_PAYLOAD), MAX_UDP_PAYLOAD)


def _build(wire: bytes, reply: Reply, cookie: bytes) -> bytes:
    """Header, question and records; an OPT exactly where the query has one (RFC 6891 §7)."""
    question, flags, rcode, tail, edns, _ = reply
    low = wire[3] & CD if question else 0
    head = wire[:2] + bytes((QR | flags | wire[2] & (_OPCODE | RD), low | rcode & 0x0F))
    if edns is None:
        return head + tail.counts + question + tail.records
    start = OPT_DO if edns.is_dnssec_ok else OPT
    # The upper bits of the rcode are the first octet behind the payload (RFC 6891 §6.1.3).
    opt = start[:5] + bytes((rcode >> 4,)) + start[6:]
    options = COOKIE_OPTION + cookie if cookie else NO_OPTIONS
    return head + tail.counts_with_edns + question + tail.records + opt + options
