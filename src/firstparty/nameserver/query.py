"""Reading a query by the rules (pure): RFC 1035 §4.1, RFC 6891 §6.1, RFC 7873, RFC 9619."""

from typing import Final, NamedTuple

HEADER_LENGTH: Final = 12
_MAX_NAME_LENGTH: Final = 255
_POINTER_BITS: Final = 0xC0
_OPT: Final = 41
_COOKIE: Final = 10  # RFC 7873 §4
_CLIENT_COOKIE: Final = 8
_MIN_SERVER_COOKIE: Final = 8
_MAX_SERVER_COOKIE: Final = 32
_OPTION_HEADER: Final = 4  # code and length


class Malformed(Exception):
    """These bytes are not a query with one question; the answer is FORMERR."""


class Edns(NamedTuple):
    """What an OPT record in a query says. Of the options we know one.

    ``cookie`` is as the client sent it: its own 8 octets, with 8 to 32 of a server if it has any.
    """

    payload: int
    version: int
    is_dnssec_ok: bool
    cookie: bytes | None


class Query(NamedTuple):
    """A well-formed query. ``question`` is as it was asked; ``qname`` has lower-case letters.

    They are empty in a query that only asks for a cookie (RFC 7873 §5.4).
    """

    question: bytes
    qname: bytes
    qtype: bytes
    qclass: bytes
    edns: Edns | None


def parse_query(wire: bytes) -> Query:
    """Read a message of at least a header's length; raises Malformed."""
    questions, *others = (int.from_bytes(wire[at : at + 2], "big") for at in (4, 6, 8, 10))
    records, additional = sum(others[:2]), others[2]
    if questions != 1:
        edns = None if questions else _read_records(wire, HEADER_LENGTH, records, additional)
        if edns is None or edns.cookie is None:
            raise Malformed("not exactly one question")
        return Query(b"", b"", b"", b"", edns)
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
        edns=_read_records(wire, end + 4, records, additional),
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


def _read_records(wire: bytes, at: int, records: int, additional: int) -> Edns | None:
    """Skip every record up to the end of the message; the OPT among the additional ones."""
    found: Edns | None = None
    for number in range(records + additional):
        start, at = at, _skip_name(wire, at)
        fixed = wire[at : at + 10]
        if len(fixed) != 10:  # noqa: PLR2004 -- type, class, TTL and length: RFC 1035 §3.2.1
            raise Malformed("a record is cut off")
        at += 10
        rdata = wire[at : at + int.from_bytes(fixed[8:], "big")]
        at += int.from_bytes(fixed[8:], "big")
        if number < records or int.from_bytes(fixed[:2], "big") != _OPT:
            continue
        if found is not None or wire[start]:
            raise Malformed("more than one OPT, or one that is not at the root")
        found = Edns(
            payload=int.from_bytes(fixed[2:4], "big"),
            version=fixed[5],
            is_dnssec_ok=bool(fixed[6] & 0x80),
            # Of a version that we do not know, the options are not ours to read.
            cookie=None if fixed[5] else find_cookie(rdata),
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


def find_cookie(options: bytes) -> bytes | None:
    """The cookie among the options of an OPT record; None: there is none. Raises Malformed.

    Options of other codes are ignored (RFC 6891 §6.1.2); of several cookies the first one counts
    (RFC 7873 §5).
    """
    at, cookie = 0, None
    while at < len(options):
        code, length = (int.from_bytes(options[i : i + 2], "big") for i in (at, at + 2))
        end = at + _OPTION_HEADER + length
        if len(options) < end:
            raise Malformed("an option is cut off")
        if code == _COOKIE and cookie is None:
            server = length - _CLIENT_COOKIE
            if server and not _MIN_SERVER_COOKIE <= server <= _MAX_SERVER_COOKIE:
                raise Malformed("a cookie of a length that there is not")
            cookie = options[at + _OPTION_HEADER : end]
        at = end
    return cookie
