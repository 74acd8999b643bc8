"""How often something may be done: so many times in any span of so long, written ``50/7d``."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_FORM: Final = re.compile(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,3})(m|h|d)")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most ``most`` times in any span of ``window``."""

    most: int
    window: timedelta


def parse_rate(text: str) -> Rate | None:
    """The rate of such a text, None for the empty one; raises ValueError with a sentence."""
    if not text:
        return None
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a rate: write 50/7d, 300/3h or 5/90m, or nothing")
    return Rate(most=int(found[1]), window=int(found[2]) * _UNITS[found[3]])
