"""Upstreams that are down are asked rarely: by one source at a time, ever less often. Pure.

Without it a thousand sources of one dead upstream would each ask it by themselves. A refusal is no
sign of being down, and neither is a 500, which may be about one source alone.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from firstparty.forward.delivery import Answer, back_off

OPENS_AFTER: Final = 5  # failures in a row, of whatever source
MAX_PROBE_AFTER: Final = timedelta(minutes=1)
# How long a source waits at most before it looks whether the upstream is back.
_LOOK_EVERY: Final = timedelta(seconds=5)
_DOWN: Final = frozenset({502, 503, 504})


@dataclass(slots=True, kw_only=True)
class _State:
    failures: int = 0
    next_probe: float = 0.0
    is_probing: bool = False


class Breakers:
    """One breaker for each upstream origin; times are seconds of any one clock."""

    def __init__(self) -> None:
        self._states: dict[str, _State] = {}

    def admit(self, origin: str, *, now: float) -> timedelta | None:
        """None: send, and ``report`` what came. Else: look again after so long."""
        state = self._states.get(origin)
        if state is None or state.failures < OPENS_AFTER:
            return None
        if state.is_probing:
            return _LOOK_EVERY
        if now < state.next_probe:
            return min(timedelta(seconds=state.next_probe - now), _LOOK_EVERY)
        state.is_probing = True
        return None

    def is_open(self, origin: str) -> bool:
        """Whether most sources are kept from asking."""
        state = self._states.get(origin)
        return state is not None and state.failures >= OPENS_AFTER

    def count_open(self) -> int:
        """How many upstreams most sources are kept from asking."""
        return sum(state.failures >= OPENS_AFTER for state in self._states.values())

    def report(self, origin: str, *, is_up: bool, now: float, jitter: float) -> None:
        """What one who was admitted found. ``jitter`` from 0 to 1 spreads the probes."""
        if is_up:
            self._states.pop(origin, None)
            return
        state = self._states.setdefault(origin, _State())
        state.failures += 1
        state.is_probing = False
        if state.failures >= OPENS_AFTER:
            wait = back_off(state.failures - OPENS_AFTER + 1, jitter=0.5 + jitter / 2)
            state.next_probe = now + min(wait, MAX_PROBE_AFTER).total_seconds()

    def withdraw(self, origin: str) -> None:
        """Who was admitted never learnt anything."""
        if (state := self._states.get(origin)) is not None:
            state.is_probing = False


def is_up(answer: Answer) -> bool:
    """Whether somebody is there who answers, whatever it says."""
    if answer.refusal:
        return True
    return answer.status is not None and answer.status not in _DOWN
