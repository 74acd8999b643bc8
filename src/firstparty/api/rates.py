"""How often one token may ask: a bucket for each, filled again as time passes."""

import math
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from firstparty.errors import TooMany

_MOST_BUCKETS: Final = 10_000


class Rates:
    """Counts the requests of each caller; one a process, since one process serves the API."""

    def __init__(self, per_minute: int) -> None:
        """``per_minute`` requests are also the most at once; 0: as many as anybody likes."""
        self._per_minute = per_minute
        self._buckets: dict[str, tuple[float, datetime]] = {}
        self._lock = Lock()

    def take(self, actor: str, *, now: datetime) -> None:
        """Count one request; raises TooMany when there were too many."""
        if not self._per_minute:
            return
        a_request = timedelta(minutes=1) / self._per_minute
        with self._lock:
            left, at = self._buckets.get(actor, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + max(timedelta(), now - at) / a_request)
            if left >= 1:
                self._buckets[actor] = (left - 1, now)
                self._forget_the_full(now)
                return
        seconds = math.ceil(((1 - left) * a_request).total_seconds())
        raise TooMany(
            "token-throttled",
            f"This token asked more than {self._per_minute} times a minute: "
            f"wait {seconds} s, then go on more slowly.",
            retry_after=timedelta(seconds=seconds),
        )

    def _forget_the_full(self, now: datetime) -> None:
        # A bucket not used for a minute is full again: the same as none.
        if len(self._buckets) > _MOST_BUCKETS:
            since = now - timedelta(minutes=1)
            self._buckets = {one: it for one, it in self._buckets.items() if it[1] > since}
