"""Passwords: argon2id, with the same work done whether the account exists or not."""

from functools import cache
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from firstparty.errors import Refused

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 256

# OWASP's parameters: 19 MiB and two passes a try. The semaphore bounds the memory that a flood of
# tries can take, since every request of the thread pool may be one.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE: Final = BoundedSemaphore(4)


def hash_password(password: str) -> str:
    """The argon2id hash of an acceptable password; raises Refused for one that is not."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Refused(
            "password-length",
            f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters: "
            "four random words make a good one.",
            field="password",
        )
    with _AT_ONCE:
        return _HASHER.hash(password)


def is_password(password: str, password_hash: str | None) -> bool:
    """Whether the password fits the hash; None (no such account) takes as long and never fits."""
    with _AT_ONCE:
        nothing = _hash_of_nothing()  # for all callers: who comes first must not tell either
        try:  # an empty hash is that of somebody who never chose a password: nothing fits it
            _HASHER.verify(password_hash or nothing, password[:MAX_LENGTH])
        except (VerificationError, InvalidHashError):
            return False
    return bool(password_hash) and len(password) <= MAX_LENGTH


@cache
def _hash_of_nothing() -> str:
    return _HASHER.hash("the account does not exist")
