"""Domain names in wire form (pure): how answers are found, and what they are made of."""

import re
from collections.abc import Iterator
from typing import Final

MAX_NAME_OCTETS: Final = 255  # RFC 1035 §3.1
_MAX_LABEL_OCTETS: Final = 63
_LABEL: Final = rb"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rb"(?:%b\.)*%b" % (_LABEL, _LABEL))
_LENGTHS: Final = [bytes((length,)) for length in range(_MAX_LABEL_OCTETS + 1)]


class BadName(ValueError):
    """A text that is not a name as the feed has them: A-labels, underscores allowed."""


def parse_name(text: str) -> bytes:
    """A name to its lower-case wire form; a final dot is allowed. Raises BadName."""
    try:
        lower = text.lower().removesuffix(".").encode("ascii")
    except UnicodeEncodeError as error:
        raise BadName(f"{text!r} is not a domain name: not ASCII") from error
    if not _NAME.fullmatch(lower):
        raise BadName(f"{text!r} is not a domain name")
    wire = b"".join([_LENGTHS[len(label)] + label for label in lower.split(b".")]) + b"\x00"
    if len(wire) > MAX_NAME_OCTETS:
        raise BadName(f"{text!r} is not a domain name: too long")
    return wire


def ancestors(name: bytes) -> Iterator[bytes]:
    """The name itself and what is above it, deepest first, without the root.

    ``name`` is a well-formed name in wire form.
    """
    at = 0
    while name[at]:
        yield name[at:]
        at += 1 + name[at]


def is_below(name: bytes, apex: bytes) -> bool:
    """Whether ``name`` is ``apex`` or under it; both in lower-case wire form."""
    return name.endswith(apex) and apex in ancestors(name)


def is_well_formed(name: bytes) -> bool:
    """Whether these are exactly the bytes of one name in wire form, without pointers."""
    at, length = 0, len(name)
    while at < length:
        octets = name[at]
        if not octets:
            return at == length - 1 and length <= MAX_NAME_OCTETS
        if octets > _MAX_LABEL_OCTETS:
            return False
        at += 1 + octets
    return False


def canonical_key(name: bytes) -> tuple[bytes, ...]:
    """What names are ordered by (RFC 4034 §6.1): labels from the root on. Lower-case wire form."""
    return tuple(above[1 : 1 + above[0]] for above in ancestors(name))[::-1]
