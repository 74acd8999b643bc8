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
_OPT: Final = _OPT_START + MAX_UDP_PAYLOAD.to_bytes(2, "big") + b"\x00\x00\x00\x00\x00\x00"
_OPT_DO: Final = _OPT[:7] + b"\x80\x00\x00\x00"  # RFC 3225 §3: DO is copied
_OPT_BADVERS: Final = _OPT[:5] + b"\x01\x00\x00\x00\x00\x00"  # rcode 16: 1 here, 0 in the header

_QR: Final = 0x80
_OPCODE: Final = 0x78
_AA: Final = 0x04
_TC: Final = 0x02
_RD: Final = 0x01
_CD: Final = 0x10

# Payload sizes that resolvers announce; any other takes the slower path.
_COMMON_PAYLOADS: Final = (512, 1220, 1232, 1400, 1410, 1432, 1440, 1452, 1472, 4096)


def _build_forms() -> dict[bytes, tuple[bytes, bytes]]:
    """What is around name and type in an ordinary query, to its answer's flags and OPT.

    The key is flags, counts, class, and the OPT if there is one. Flags of the answer: QR, AA, and
    RD and CD as they came.
    """
    ends = {_ONE_QUESTION + _CLASS_IN: b""}
    for payload in _COMMON_PAYLOADS:
        start = _ONE_QUESTION_AND_OPT + _CLASS_IN + _OPT_START + payload.to_bytes(2, "big")
        ends[start + b"\x00\x00\x00\x00\x00\x00"] = _OPT
        ends[start + b"\x00\x00\x80\x00\x00\x00"] = _OPT_DO
    return {
        bytes((rd, low)) + end: (bytes((_QR | _AA | rd, low & _CD)), opt)
        for rd in (0, _RD)
        for low in (0x00, 0x10, 0x20, 0x30)  # CD, AD
        for end, opt in ends.items()
    }


_FORMS: Final = _build_forms()


def look_up(answers: Answers, query: bytes, *, is_udp: bool) -> bytes | None:
    """The answer to ``query``, or None where there must be none (too short, or a response)."""
    end = query.find(0, HEADER_LENGTH) + 1
    # A zero byte inside a label ends the name too early; what is left is then no name of ours.
    # Lower-casing the length bytes does no harm: at most 63, they are below "A".
    found = answers.index.get(query[HEADER_LENGTH:end].lower())
    if found is None:
        return _look_up_slowly(answers, query, is_udp=is_udp)
    form = _FORMS.get(query[2:HEADER_LENGTH] + query[end + 2 :])
    if form is None:
        return _look_up_slowly(answers, query, is_udp=is_udp)
    qtype = query[end : end + 2]
    tail = found[0].get(qtype)
    if tail is None:
        if qtype in _ZONE_TRANSFERS:
            return _look_up_slowly(answers, query, is_udp=is_udp)
        tail = found[1]
    flags, opt = form
    counts, counts_with_edns, records = tail
    question = query[HEADER_LENGTH : end + 4]
    if opt:
        answer = query[:2] + flags + counts_with_edns + question + records + opt
    else:
        answer = query[:2] + flags + counts + question + records
    if is_udp and len(answer) > MIN_UDP_PAYLOAD:
        return _look_up_slowly(answers, query, is_udp=is_udp)
    return answer


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
