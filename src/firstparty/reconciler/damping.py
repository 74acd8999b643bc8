"""When a change of a live domain is said: not at one bad look, nor at each turn of a flap. Pure.

Worse is said after two bad looks in a row, or three that good ones part. Better is said after a
time without a bad look, which grows with how often it got worse of late (as RFC 2439 §4.2 damps
routes): so a flap is said once, and its end once.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from firstparty.model.findings import Finding
from firstparty.model.observations import Damper
from firstparty.model.status import Intent, Statuses, Word, derive_word
from firstparty.reconciler.pauses import CONFIRM, WATCH

_BAD: Final = 2  # what a bad look adds to the score; a good one takes 1 off
_ENOUGH: Final = 2 * _BAD
_MEMORY: Final = timedelta(hours=6)
# For the first time in the memory that it got worse, the second, the third, and all later ones.
CALM: Final = (CONFIRM, timedelta(minutes=5), timedelta(minutes=20), timedelta(hours=1))


class Health(IntEnum):
    """How well a live domain is: more is worse."""

    WELL = 0
    UNSURE = 1  # live, and something could not be checked, or must be seen to
    WARNING = 2
    FAILING = 3


_HEALTH: Final = {Word.WARNING: Health.WARNING, Word.FAILING: Health.FAILING}


def weigh(statuses: Statuses, findings: Iterable[Finding] = ()) -> Health:
    """The health that these statuses and findings of the watch come to."""
    word = derive_word(Intent.ACTIVE, statuses)
    return _HEALTH.get(word, Health.UNSURE if any(True for _ in findings) else Health.WELL)


def damp(damper: Damper, *, said: Health, seen: Health, now: datetime) -> tuple[Damper, bool]:
    """What is known after a look, and whether what it saw is to be said."""
    drifts = tuple(at for at in damper.drifts if now - at < _MEMORY)
    if seen > said:
        score = damper.score + _BAD
        if score < _ENOUGH:
            return Damper(score=score, drifts=drifts), False
        return Damper(drifts=(*drifts, now)[-len(CALM) :]), True
    score = max(0, damper.score - 1)
    if seen == said:
        return Damper(score=score, drifts=drifts), True
    since = damper.better_since or now
    if now - since < calm_needed(drifts):
        return Damper(score=score, better_since=since, drifts=drifts), False
    return Damper(drifts=drifts), True


def calm_needed(drifts: tuple[datetime, ...]) -> timedelta:
    """How long a domain must be better before that is said."""
    return CALM[max(0, len(drifts) - 1)]


def look_again(damper: Damper, *, now: datetime) -> timedelta:
    """When to look again at what is not said yet."""
    if damper.better_since is None:
        return CONFIRM
    left = damper.better_since + calm_needed(damper.drifts) - now
    return min(max(left, CONFIRM), WATCH)
