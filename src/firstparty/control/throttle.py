"""How often sign-in may be tried: few times an account and address, more an address alone.

Nobody can lock another person's account: tries from one address never count for another. Keys
are hashes, so that the table holds neither addresses nor accounts.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from firstparty.errors import TooMany
from firstparty.store.tries import add_try, remove_tries

WINDOW: Final = timedelta(minutes=15)
MAX_TRIES_OF_ACCOUNT: Final = 5
MAX_TRIES_OF_ADDRESS: Final = 50


def count_try(connection: Connection, *, account: str, address: str, now: datetime) -> None:
    """Count one try before the password is looked at; raises TooMany when there were too many."""
    limits = (
        (_key(account, address), MAX_TRIES_OF_ACCOUNT),
        (_key("", address), MAX_TRIES_OF_ADDRESS),
    )
    for key, limit in limits:
        tries, until = add_try(connection, key, now=now, window=WINDOW)
        if tries > limit:
            minutes = max(1, round((until - now) / timedelta(minutes=1)))
            raise TooMany(
                "sign-in-throttled",
                f"Too many tries to sign in: wait {minutes} minutes, then try again.",
                retry_after=until - now,
            )


def forget_tries(connection: Connection, *, account: str, address: str) -> None:
    """A success wipes the slate of this account at this address."""
    remove_tries(connection, _key(account, address))


def _key(account: str, address: str) -> str:
    return hashlib.sha256(f"{account}\0{address}".encode()).hexdigest()
