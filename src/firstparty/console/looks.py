"""A few looks at somebody else's servers at once: each holds a thread while they are slow."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from firstparty.console.visits import Visit
from firstparty.errors import Conflict

MAX_LOOKS: Final = 4  # at a time, all people together


@contextmanager
def admitted(visit: Visit) -> Iterator[None]:
    """One of them; raises Conflict where all are under way."""
    if not visit.place.looks.acquire(blocking=False):
        raise Conflict(
            "looks-under-way",
            "Other servers are being asked for others already: try again in a moment.",
        )
    try:
        yield
    finally:
        visit.place.looks.release()
