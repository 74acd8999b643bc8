"""From a query's bytes to the answer's (pure); never raises, whatever the bytes.

The common query finds its answer with two look-ups; all else is read by the rules, in
``query.py``. There are no referrals: what is not ours is refused.
"""

from typing import Final

from firstparty.nameserver.answers import Answers, Tail
from firstparty.nameserver.query import HEADER_LENGTH, Malformed, Query, parse_query

MAX_UDP_PAYLOAD: Final = 1232  # DNS flag day 2020: never fragmented
MIN_UDP_PAYLOAD: Final = 512  # RFC 6891 §6.2.5: less means this

_NOERROR: Final = 0
_FORMERR: Final = 1
_NXDOMAIN: Final = 3
_NOTIMP: Final = 4
_REFUSED: Final = 5

_CLASS_IN: Final = b"\x00\x01"
_ZONE_TRANSFERS: Final = (b"\x00\xfb", b"\x00\xfc")  # IXFR, AXFR
_ONE_QUESTION: Final = b"\x00\x01\x00\x00\x00\x00\x00\x00"
_ONE_QUESTION_AND_OPT: Final = b"\x00\x01\x00\x00\x00\x00\x00\x01"
_NO_RECORDS: Final = Tail(_ONE_QUESTION, _ONE_QUESTION_AND_OPT, b"")

# RFC 6891 §6.1.2: root owner, type 41, payload; extended rcode, version, flags; no options.
_OPT_START: Final = b"\x00\x00\x29"
_OPT_LENGTH: Final = 11
_OPT: Final = _OPT_START + MAX_UDP_PAYLOAD.to_bytes(2, "big") + b"\x00\x00\x00\x00\x00\x00"
_OPT_DO: Final = _OPT[:7] + b"\x80\x00\x00\x00"  # RFC 3225 §3: DO is copied
_OPT_BADVERS: Final = _OPT[:5] + b"\x01\x00\x00\x00\x00\x00"  # rcode 16: 1 here, 0 in the header

_QR: Final = 0x80
_OPCODE: Final = 0x78
_AA: Final = 0x04
_TC: Final = 0x02
_RD: Final = 0x01
_CD: Final = 0x10
_DO: Final = 0x80

# Flags of an ordinary query to those of its answer: QR, AA, and RD and CD as they came.
_HIT_FLAGS: Final = {
    bytes((rd, low)): bytes((_QR | _AA | rd, low & _CD))
    for rd in (0, _RD)
    for low in (0x00, 0x10, 0x20, 0x30)  # CD, AD
}


def look_up(answers: Answers, query: bytes, *, is_udp: bool) -> bytes | None:
    """The answer to ``query``, or None where there must be none (too short, or a response)."""
    end = query.find(0, HEADER_LENGTH) + 1
    # A zero byte inside a label ends the name too early; what is left is then no name of ours.
    # Lower-casing the length bytes does no harm: at most 63, they are below "A".
    found = answers.index.get(query[HEADER_LENGTH:end].lower())
    flags = _HIT_FLAGS.get(query[2:4])
    if found is None or flags is None or query[end + 2 : end + 4] != _CLASS_IN:
        return _look_up_slowly(answers, query, is_udp=is_udp)
    tails, nodata = found
    qtype = query[end : end + 2]
    tail = tails.get(qtype)
    if tail is None:
        if qtype in _ZONE_TRANSFERS:
            return _look_up_slowly(answers, query, is_udp=is_udp)
        tail = nodata
    end += 4
    counts = query[4:HEADER_LENGTH]
    if counts == _ONE_QUESTION and len(query) == end:
        answer = query[:2] + flags + tail.counts + query[HEADER_LENGTH:end] + tail.records
    elif counts == _ONE_QUESTION_AND_OPT and _is_plain_opt(query, end):
        opt = _OPT_DO if query[end + 7] & _DO else _OPT
        question = query[HEADER_LENGTH:end]
        answer = query[:2] + flags + tail.counts_with_edns + question + tail.records + opt
    else:
        return _look_up_slowly(answers, query, is_udp=is_udp)
    if is_udp and len(answer) > MIN_UDP_PAYLOAD:
        return _look_up_slowly(answers, query, is_udp=is_udp)
    return answer


def _is_plain_opt(query: bytes, at: int) -> bool:
    """Whether all that is left is one OPT of version 0, whose options we do not look at."""
    left = len(query) - at
    return (
        left >= _OPT_LENGTH
        and query[at : at + 3] == _OPT_START
        and query[at + 6] == 0
        and int.from_bytes(query[at + 9 : at + 11], "big") == left - _OPT_LENGTH
    )


def _look_up_slowly(answers: Answers, wire: bytes, *, is_udp: bool) -> bytes | None:
    """The same answer, by reading the message as the RFCs say."""
    if len(wire) < HEADER_LENGTH or wire[2] & _QR:
        return None  # a response to a response is a loop
    if wire[2] & _OPCODE:
        return _bare(wire, _NOTIMP)
    try:
        query = parse_query(wire)
    except Malformed:
        return _bare(wire, _FORMERR)
    if query.edns is not None and query.edns.version:
        return _build(wire, query, _NO_RECORDS, opt=_OPT_BADVERS)
    if query.qclass != _CLASS_IN or query.qtype in _ZONE_TRANSFERS:
        return _build(wire, query, _NO_RECORDS, rcode=_REFUSED)
    return _answer(answers, wire, query, is_udp=is_udp)


def _answer(answers: Answers, wire: bytes, query: Query, *, is_udp: bool) -> bytes:
    zone = answers.find_zone(query.qname)
    if zone is None:
        return _build(wire, query, _NO_RECORDS, rcode=_REFUSED)
    node = zone.nodes.get(query.qname)
    if node is None:
        tail, rcode = zone.build_negative(query.qname, zone.negative_ttl), _NXDOMAIN
    elif query.qtype in node.tails:
        tail, rcode = node.tails[query.qtype], _NOERROR
    else:
        tail, rcode = zone.build_negative(query.qname, node.negative_ttl), _NOERROR
    answer = _build(wire, query, tail, flags=_AA, rcode=rcode)
    limit = MIN_UDP_PAYLOAD
    if query.edns is not None:
        limit = min(max(query.edns.payload, MIN_UDP_PAYLOAD), MAX_UDP_PAYLOAD)
    if is_udp and len(answer) > limit:
        # Empty, as Knot does: half a set of records is of no use to anybody.
        return _build(wire, query, _NO_RECORDS, flags=_AA | _TC, rcode=rcode)
    return answer


def _bare(wire: bytes, rcode: int) -> bytes:
    """Only a header: where the question cannot be read, or means nothing to us."""
    return wire[:2] + bytes((_QR | wire[2] & (_OPCODE | _RD), rcode)) + bytes(8)


def _build(
    wire: bytes, query: Query, tail: Tail, *, flags: int = 0, rcode: int = 0, opt: bytes = b""
) -> bytes:
    """Header, question and records; an OPT exactly where the query has one (RFC 6891 §7)."""
    head = wire[:2] + bytes((_QR | flags | wire[2] & _RD, wire[3] & _CD | rcode))
    if query.edns is None:
        return head + tail.counts + query.question + tail.records
    opt = opt or (_OPT_DO if query.edns.is_dnssec_ok else _OPT)
    return head + tail.counts_with_edns + query.question + tail.records + opt
