"""What one probe may spend: so many queries, so many seconds, whatever it is told to look at.

The name that is looked up was given by a user, and the servers that answer are theirs: without a
limit a probe would be an amplifier.
"""

import asyncio
from datetime import timedelta
from typing import Final

MAX_QUERIES: Final = 40
MAX_TIME: Final = timedelta(seconds=10)


class BudgetSpent(Exception):
    """The probe has used up its queries or its time."""


class Budget:
    """Counts down queries and time. The clock starts when it is made, in a loop."""

    def __init__(self, *, queries: int = MAX_QUERIES, time: timedelta = MAX_TIME) -> None:
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._deadline = self._started + time.total_seconds()
        self._max_queries = queries
        self.queries = 0

    @property
    def took(self) -> timedelta:
        """Time since the probe began."""
        return timedelta(seconds=self._loop.time() - self._started)

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._deadline - self._loop.time())

    def spend_query(self) -> None:
        """Count one query before it is sent; raises BudgetSpent instead of the one too many."""
        if self.queries >= self._max_queries or not self.seconds_left:
            raise BudgetSpent
        self.queries += 1
