"""What is around name and type in an ordinary query, and what is around the answer to it (pure).

Nearly all queries differ in nothing but id, name, type and cookie: the rest is one of a few hundred
byte strings, looked up here whole. A query of any other form is read by the rules, in ``query.py``.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_UDP_PAYLOAD: Final = 1232  # DNS flag day 2020: never fragmented
MIN_UDP_PAYLOAD: Final = 512  # RFC 6891 §6.2.5: less means this
CLASS_IN: Final = b"\x00\x01"
CLIENT_COOKIE: Final = 8  # octets; RFC 7873 §4
FULL_COOKIE: Final = 24  # ours; RFC 9018 §4

ONE_QUESTION: Final = b"\x00\x01\x00\x00\x00\x00\x00\x00"
ONE_QUESTION_AND_OPT: Final = b"\x00\x01\x00\x00\x00\x00\x00\x01"

# RFC 6891 §6.1.2: root owner, type 41, payload; extended rcode, version, flags; no options.
OPT_START: Final = b"\x00\x00\x29"
OPT: Final = OPT_START + MAX_UDP_PAYLOAD.to_bytes(2, "big") + b"\x00\x00\x00\x00"
OPT_DO: Final = OPT[:7] + b"\x80\x00"  # RFC 3225 §3: DO is copied
NO_OPTIONS: Final = b"\x00\x00"
# Behind an OPT: its options' length, the option's code and length. The cookie follows.
COOKIE_OPTION: Final = b"\x00\x1c\x00\x0a\x00\x18"
_CLIENT_COOKIE_OPTION: Final = b"\x00\x0c\x00\x0a\x00\x08"

QR: Final = 0x80
AA: Final = 0x04
TC: Final = 0x02
RD: Final = 0x01
CD: Final = 0x10
NXDOMAIN: Final = 3
REFUSED: Final = 5

# Octets that the key has behind the type: class and OPT, up to the header of a first option.
KEY_END: Final = 2 + 9 + 6
# Payload sizes that resolvers announce; any other takes the slower path.
_COMMON_PAYLOADS: Final = (512, 1220, 1232, 1280, 1400, 1410, 1432, 1440, 1452, 1472, 4096)


class Form(NamedTuple):
    """What goes with an ordinary query.

    Flags of the answer where the name exists, where it does not, and where the answer does not fit
    into ``limit`` octets; the OPT, up to where the cookie begins if there is one; the octets of the
    query's cookie; whether it wants signatures.
    """

    flags: bytes
    flags_nxdomain: bytes
    flags_truncated: bytes
    limit: int
    opt: bytes
    cookie_octets: int
    is_signed: bool


def _build_ends() -> Iterator[tuple[bytes, int, bytes, int, bool]]:
    """Counts, class and OPT of a query; then the last four fields of its form."""
    yield ONE_QUESTION + CLASS_IN, MIN_UDP_PAYLOAD, b"", 0, False
    for payload in _COMMON_PAYLOADS:
        start = ONE_QUESTION_AND_OPT + CLASS_IN + OPT_START + payload.to_bytes(2, "big")
        limit = min(payload, MAX_UDP_PAYLOAD)
        for opt in (OPT, OPT_DO):
            bare, is_signed = start + opt[5:], opt == OPT_DO
            yield bare + NO_OPTIONS, limit, opt + NO_OPTIONS, 0, is_signed
            with_cookie = opt + COOKIE_OPTION
            yield bare + _CLIENT_COOKIE_OPTION, limit, with_cookie, CLIENT_COOKIE, is_signed
            yield bare + COOKIE_OPTION, limit, with_cookie, FULL_COOKIE, is_signed


def _build_forms() -> dict[bytes, Form]:
    """By flags, counts, class and OPT, with the header of a cookie if there is one.

    Flags of the answer: QR, AA, and RD and CD as they came.
    """
    return {
        bytes((rd, low)) + end: Form(
            bytes((QR | AA | rd, low & CD)),
            bytes((QR | AA | rd, low & CD | NXDOMAIN)),
            bytes((QR | AA | TC | rd, low & CD)),
            limit,
            opt,
            cookie_octets,
            is_signed,
        )
        for rd in (0, RD)
        for low in (0x00, 0x10, 0x20, 0x30)  # CD, AD
        for end, limit, opt, cookie_octets, is_signed in _build_ends()
    }


FORMS: Final = _build_forms()
