"""Reading a query by the rules (pure): RFC 1035 §4.1, RFC 6891 §6.1, RFC 9619."""

from typing import Final, NamedTuple

HEADER_LENGTH: Final = 12
_MAX_NAME_LENGTH: Final = 255
_POINTER_BITS: Final = 0xC0
_OPT: Final = 41


class Malformed(Exception):
    """These bytes are not a query with one question; the answer is FORMERR."""


class Edns(NamedTuple):
    """What an OPT record in a query says. Options are not looked at: we know none yet."""

    payload: int
    version: int
    is_dnssec_ok: bool


class Query(NamedTuple):
    """A well-formed query. ``question`` is as it was asked; ``qname`` has lower-case letters."""

    question: bytes
    qname: bytes
    qtype: bytes
    qclass: bytes
    edns: Edns | None


def parse_query(wire: bytes) -> Query:
    """Read a message of at least a header's length; raises Malformed."""
    questions, *others = (int.from_bytes(wire[at : at + 2], "big") for at in (4, 6, 8, 10))
    if questions != 1:
        raise Malformed("not exactly one question")
    end = _skip_question_name(wire)
    question = wire[HEADER_LENGTH : end + 4]
    if len(question) != end + 4 - HEADER_LENGTH:
        raise Malformed("the question is cut off")
    return Query(
        question=question,
        # The length bytes stay as they are: at most 63, they are below "A".
        qname=wire[HEADER_LENGTH:end].lower(),
        qtype=question[-4:-2],
        qclass=question[-2:],
        edns=_read_records(wire, end + 4, records=sum(others[:2]), additional=others[2]),
    )


def _skip_question_name(wire: bytes) -> int:
    """Where the name ends that begins behind the header; it has nothing to point back to."""
    at = HEADER_LENGTH
    while at < len(wire):
        length = wire[at]
        if length & _POINTER_BITS:
            break
        at += 1 + length
        if at - HEADER_LENGTH > _MAX_NAME_LENGTH:
            break
        if not length:
            return at
    raise Malformed("the name is not well formed")


def _read_records(wire: bytes, at: int, *, records: int, additional: int) -> Edns | None:
    """Skip every record up to the end of the message; the OPT among the additional ones."""
    found: Edns | None = None
    for number in range(records + additional):
        start, at = at, _skip_name(wire, at)
        fixed = wire[at : at + 10]
        if len(fixed) != 10:  # noqa: PLR2004 -- type, class, TTL and length: RFC 1035 §3.2.1
            raise Malformed("a record is cut off")
        at += 10 + int.from_bytes(fixed[8:], "big")
        if number < records or int.from_bytes(fixed[:2], "big") != _OPT:
            continue
        if found is not None or wire[start]:
            raise Malformed("more than one OPT, or one that is not at the root")
        found = Edns(
            payload=int.from_bytes(fixed[2:4], "big"),
            version=fixed[5],
            is_dnssec_ok=bool(fixed[6] & 0x80),
        )
    if at != len(wire):
        raise Malformed("the message is longer or shorter than it says")
    return found


def _skip_name(wire: bytes, at: int) -> int:
    while at < len(wire):
        length = wire[at]
        if length & _POINTER_BITS == _POINTER_BITS:
            return at + 2
        if length & _POINTER_BITS:
            break
        at += 1 + length
        if not length:
            return at
    raise Malformed("a record's name is not well formed")
