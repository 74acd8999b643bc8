"""How the demo's upstream misbehaves on request: a mode, until a moment. Pure but for the clock."""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from firstparty.errors import Refused

MAX_SECONDS: Final = 7 * 24 * 3600.0


class Mode(StrEnum):
    """What becomes of a request."""

    OK = "ok"
    DOWN = "down"  # the connection is closed without an answer
    SLOW = "slow"  # answered, some seconds late
    TOO_MANY = "429"  # with Retry-After: 1
    BROKEN = "500"
    PAGE = "page"  # 200 with an HTML page, as some proxies say that what is behind them is down
    RESET = "reset"  # the connection is reset (RST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A mode and how long it lasts, in seconds; None: until it is changed."""

    mode: Mode
    seconds: float | None


class Behaviour:
    """The mode of the moment."""

    def __init__(self) -> None:
        self._fault = Fault(mode=Mode.OK, seconds=None)
        self._until: float | None = None

    def set(self, fault: Fault) -> None:
        """Behave like this from now on; after its seconds, if it has any, all is well again."""
        self._fault = fault
        self._until = None if fault.seconds is None else time.monotonic() + fault.seconds

    @property
    def mode(self) -> Mode:
        """The mode at this moment."""
        return Mode.OK if self.seconds_left == 0 else self._fault.mode

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all is well again; None when nothing will change by itself."""
        if self._until is None:
            return None
        return max(self._until - time.monotonic(), 0.0)


def parse_fault(body: bytes) -> Fault:
    """``{"mode": …, "seconds": …}`` to a Fault. Raises Refused, saying what is wrong."""
    try:
        asked: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Refused("bad-body", f"The body is not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise Refused("bad-body", "The body is a JSON object with `mode` and, if wanted, `seconds`")
    if unknown := sorted(set(asked) - {"mode", "seconds"}):
        raise Refused("unknown-field", f"Unknown field: {', '.join(unknown)}", field=unknown[0])
    modes = " | ".join(Mode)
    # 429 and 500 are easily written as numbers.
    mode = str(asked.get("mode")) if asked.get("mode") is not None else ""
    if mode not in set(Mode):
        raise Refused("bad-mode", f"`mode` is one of {modes}, not {mode!r}", field="mode")
    seconds = asked.get("seconds")
    if seconds is not None:
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not is_number or not 0 < seconds <= MAX_SECONDS:
            sentence = f"`seconds` is a number above 0 and up to {MAX_SECONDS:.0f}, or left out"
            raise Refused("bad-seconds", sentence, field="seconds")
    return Fault(mode=Mode(mode), seconds=None if seconds is None else float(seconds))
