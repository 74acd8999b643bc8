"""How many messages a second a source, and a workspace altogether, may send (no I/O).

Token buckets: each begins with two seconds' worth and is filled at its rate. What finds one empty
is refused; what finds a token is taken whole, however many messages it has, and leaves a debt. So
no batch is too big for ever, and over time the rate holds.

A process knows its own buckets only: it gives out its share of a rate, for Envoy spreads requests
evenly over the processes.
"""

from collections.abc import Hashable
from datetime import timedelta
from typing import Final

from firstparty.ingest.write_keys import ApiHost

_BURST_SECONDS: Final = 2.0
_MAX_BUCKETS: Final = 65_536  # some MB of them; then all begin full again


class Bucket:
    """The tokens of one sender."""

    __slots__ = ("_at", "_tokens", "rate")

    def __init__(self, rate: float, *, now: float) -> None:
        """``rate`` is in tokens a second, ``now`` in seconds of a clock that never goes back."""
        self.rate = rate
        self._tokens = rate * _BURST_SECONDS
        self._at = now

    def wait_until_filled(self, now: float) -> float:
        """Seconds until there is a token; 0: there is one."""
        filled = self._tokens + (now - self._at) * self.rate
        self._tokens = min(filled, self.rate * _BURST_SECONDS)
        self._at = now
        # What is nearly one is one: sums of fractions fall short of whole numbers.
        return max(0.0, (0.999 - self._tokens) / self.rate)

    def take(self, count: int) -> None:
        """Take tokens, also those that are not there yet."""
        self._tokens -= count


class Rates:
    """Every sender's bucket in this process."""

    def __init__(self, *, workspace_rate: float = 0, processes: int = 1) -> None:
        """``workspace_rate``: messages a second for each workspace altogether; 0: no limit.

        ``processes``: how many there are like this one, which share the work.
        """
        self._workspace_rate = workspace_rate
        self._share: Final = 1 / processes
        self._buckets: dict[Hashable, Bucket] = {}

    def has_limits(self, host: ApiHost) -> bool:
        """Whether anything is limited here."""
        return bool(host.rates or self._workspace_rate)

    def take(self, host: ApiHost, source: int, count: int, *, now: float) -> timedelta | None:
        """Let ``count`` messages of this source through; or how long to wait, and none is."""
        wanted = (
            (source, host.rates.get(source, 0)),
            (host.workspaces[source], self._workspace_rate),
        )
        buckets = [self._find(key, rate * self._share, now) for key, rate in wanted if rate]
        wait = max((bucket.wait_until_filled(now) for bucket in buckets), default=0.0)
        if wait:
            return timedelta(seconds=wait)
        for bucket in buckets:
            bucket.take(count)
        return None

    def _find(self, key: Hashable, rate: float, now: float) -> Bucket:
        found = self._buckets.get(key)
        if found is None or found.rate != rate:  # the rule has changed
            if len(self._buckets) >= _MAX_BUCKETS:
                self._buckets.clear()
            found = self._buckets[key] = Bucket(rate, now=now)
        return found
