"""Unguessable identifiers: what kind of thing, then random base62."""

import secrets
import string
from datetime import datetime
from typing import Final

BASE62: Final = string.ascii_letters + string.digits
_DNS_ALPHABET: Final = string.ascii_lowercase + string.digits


def new_identifier(kind: str) -> str:
    """``"dom_…"``: the kind of thing, then 119 random bits that nobody guesses."""
    return f"{kind}_{random_base62(20)}"


def new_timed_identifier(kind: str, now: datetime) -> str:
    """As ``new_identifier``, and sorts by time: milliseconds first, then 71 random bits."""
    return f"{kind}_{int(now.timestamp() * 1000):012x}{random_base62(12)}"


def random_base62(length: int) -> str:
    """``length`` letters and digits, 5.95 bits each, from the system's secure generator."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def random_dns_token() -> str:
    """A lower-case DNS label of 103 random bits: the part of a name that proves one claim."""
    return "".join(secrets.choice(_DNS_ALPHABET) for _ in range(20))
