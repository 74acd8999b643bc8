"""Domain names in wire form (pure): how answers are found, and what they are made of."""

import re
from collections.abc import Iterator
from typing import Final

MAX_NAME_OCTETS: Final = 255  # RFC 1035 §3.1
_LABEL: Final = re.compile(rb"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


class BadName(ValueError):
    """A text that is not a name as the feed has them: A-labels, underscores allowed."""


def parse_name(text: str) -> bytes:
    """A name to its lower-case wire form; a final dot is allowed. Raises BadName."""
    try:
        labels = text.lower().removesuffix(".").encode("ascii").split(b".")
    except UnicodeEncodeError as error:
        raise BadName(f"{text!r} is not a domain name: not ASCII") from error
    if not all(map(_LABEL.fullmatch, labels)):
        raise BadName(f"{text!r} is not a domain name")
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\x00"
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
