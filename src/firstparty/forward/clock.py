"""What the wall clock may be believed, for it may be set: forward, back, wrongly, for a moment.

Waits are measured on the loop's clock, which nobody can set. Two things need the time of day: how
old a message is, which came with the time of its arrival, and when a batch is sent. Pure.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

# A clock that is set forward by mistake is noticed in that time: by who cannot reach us for it.
_CAUTION: Final = timedelta(hours=6)
_AHEAD: Final = timedelta(seconds=1)  # less than that is two machines' clocks
_TOLERANCE: Final = 1.0  # seconds; a clock that is slewed differs by less from look to look


class CautiousClock:
    """The time by which messages are too old: a step forward counts only once it has stood.

    A step back counts at once. Steady times are seconds of a clock that is never set.
    """

    def __init__(self, *, caution: timedelta) -> None:
        """``caution``: how long a step forward must have stood; the first look is such a step."""
        self._caution = caution.total_seconds()
        self._believed: float | None = None  # how far the wall clock is from the steady one
        self._doubted = 0.0
        self._doubted_since: float | None = None

    def read(self, *, wall: datetime, steady: float) -> datetime | None:
        """The time of day; None while there is none to be believed."""
        ahead = wall.timestamp() - steady
        if self._believed is not None and ahead <= self._believed + _TOLERANCE:
            self._believe(ahead)
        elif self._doubted_since is None or abs(ahead - self._doubted) > _TOLERANCE:
            self._doubted, self._doubted_since = ahead, steady
        elif steady - self._doubted_since >= self._caution:
            self._believe(ahead)
        if self._believed is None:
            return None
        return datetime.fromtimestamp(steady + self._believed, UTC)

    def _believe(self, ahead: float) -> None:
        self._believed, self._doubted_since = ahead, None


class Expiry:
    """When messages are given up whose upstream is away."""

    def __init__(self, after: timedelta) -> None:
        """``after``: how old they may become."""
        self._after = after
        self._clock = CautiousClock(caution=min(_CAUTION, after / 4))

    def is_over(self, received: datetime, *, wall: datetime, steady: float) -> bool:
        """Whether a message that was received then is too old, as far as the clock is believed."""
        now = self._clock.read(wall=wall, steady=steady)
        return now is not None and now - received > self._after


class SendingClock:
    """When the tries of one batch are made, on the clock that its messages were received by.

    An upstream moves timestamps by how long ago a batch says it was sent. So that is never before
    ``received``, when the last message came, even if the clock was set back since, and between two
    tries as much time passes as really did.
    """

    def __init__(self, received: datetime, *, wall: datetime, steady: float) -> None:
        self._first = max(wall, received)
        self._since = steady

    def read(self, *, steady: float) -> datetime:
        """The time of a try that is made now."""
        return self._first + timedelta(seconds=steady - self._since)


def is_ahead(received: datetime, *, wall: datetime) -> bool:
    """Whether a message came by a clock that was set back since: it is from the future."""
    return received > wall + _AHEAD
