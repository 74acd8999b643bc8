"""When we look again: every pause of the reconciler, as tables."""

from datetime import timedelta
from typing import Final

_Table = tuple[tuple[timedelta, timedelta], ...]

# How long ago the domain was asked for, and the pause between looks at the parent until then.
# 300 looks in the first 10 minutes, 1,172 more in the 14 days; then the domain rests.
PARENT: Final[_Table] = (
    (timedelta(minutes=10), timedelta(seconds=2)),
    (timedelta(hours=1), timedelta(seconds=15)),
    (timedelta(hours=6), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(minutes=5)),
    (timedelta(days=3), timedelta(minutes=15)),
    (timedelta(days=14), timedelta(hours=1)),
)

# The CA refused, or what it issued was unusable: Let's Encrypt's integration guide.
CA_REFUSED: Final = (
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(minutes=100),
    timedelta(days=1),
)

# The CA could not be asked, and did not say when to come back.
CA_OUTAGE: Final = (
    timedelta(seconds=2),
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=10),
)

# Waiting for something of ours that takes a moment: a nameserver or an edge that reads the feed.
_OWN: Final = (
    (6, timedelta(milliseconds=50)),
    (12, timedelta(milliseconds=100)),
    (40, timedelta(milliseconds=250)),
    (140, timedelta(seconds=1)),
)
PUBLISHED: Final = timedelta(milliseconds=120)  # before the first look: they read it by then
_OWN_LATER: Final = timedelta(seconds=10)

# Waiting for a CA to validate, or to issue, when it does not say how long.
_VALIDATION: Final = (
    (10, timedelta(milliseconds=200)),
    (30, timedelta(seconds=1)),
)
_VALIDATION_LATER: Final = timedelta(seconds=5)

# A domain that was live and whose delegation is not right any more.
_BROKEN: Final = (
    (10, timedelta(seconds=30)),
    (40, timedelta(minutes=2)),
)
_BROKEN_LATER: Final = timedelta(minutes=10)

WATCH: Final = timedelta(minutes=4)  # with CONFIRM, drift is known within 5 minutes
CONFIRM: Final = timedelta(seconds=20)
CONFLICT: Final = timedelta(minutes=5)  # only people can end one
ORDER_MAX_AGE: Final = timedelta(hours=1)

CAA_LOOK: Final = timedelta(minutes=1)  # at records that let no CA of ours issue
CAA_RENEWAL: Final = timedelta(hours=1)

DRAIN_LOOK: Final = timedelta(minutes=1)  # at the meter of a domain that is being removed
DRAIN_MESSAGES: Final = timedelta(seconds=15)  # at messages that are not delivered yet
LEFTOVERS: Final = timedelta(days=1)  # at the records that a removed domain has left
LEFTOVERS_UNTIL: Final = timedelta(days=14)


def pause_for_parent(age: timedelta, *, crowd: int = 1) -> timedelta | None:
    """The pause before the parent is asked again; None once the domain has waited too long.

    ``crowd`` names of one registrable domain that wait share its servers' patience: all of them
    together are looked at no more often than one new name.
    """
    for until, pause in PARENT:
        if age < until:
            return max(pause, PARENT[0][1] * crowd)
    return None


def pause_for_own(tries: int) -> timedelta:
    """The pause before we ask our own servers or edge again, after so many tries."""
    return _by_tries(_OWN, _OWN_LATER, tries)


def pause_for_validation(tries: int) -> timedelta:
    """The pause before the CA is asked how far it is, after so many tries."""
    return _by_tries(_VALIDATION, _VALIDATION_LATER, tries)


def pause_for_broken(tries: int) -> timedelta:
    """The pause before the parent of a broken domain is asked again, after so many tries."""
    return _by_tries(_BROKEN, _BROKEN_LATER, tries)


def at_most_last(table: tuple[timedelta, ...], count: int) -> timedelta:
    """The entry for the ``count``-th failure in a row (from 1), the last one for all later."""
    return table[min(count, len(table)) - 1]


def _by_tries(table: tuple[tuple[int, timedelta], ...], later: timedelta, tries: int) -> timedelta:
    for below, pause in table:
        if tries < below:
            return pause
    return later
