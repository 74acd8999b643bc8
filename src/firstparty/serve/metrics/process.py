"""What every process tells of itself: its resources, and the events of its log, counted."""

import logging
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

from firstparty.serve.metrics.catalogue import CPU, EVENTS, MEMORY, STARTED
from firstparty.serve.metrics.text import Sample

_STARTED: Final = time.time()
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024  # getrusage(2)


class EventCounter(logging.Handler):
    """Counts events by name and level. Names are constants, so they are few."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._mutex = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Count one event."""
        with self._mutex:
            self._counts[record.getMessage(), record.levelname.lower()] += 1

    def collect(self) -> Iterator[Sample]:
        """How often each event was logged."""
        with self._mutex:
            counts = dict(self._counts)
        for (event, level), number in sorted(counts.items()):
            yield Sample(metric=EVENTS, value=number, labels={"event": event, "level": level})


def count_events() -> EventCounter:
    """Count the events of this process from now on."""
    counter = EventCounter()
    logging.getLogger("firstparty").addHandler(counter)
    return counter


def collect_process() -> Iterator[Sample]:
    """What the system says of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield Sample(metric=STARTED, value=_STARTED)
    yield Sample(metric=CPU, value=used.ru_utime + used.ru_stime)
    yield Sample(metric=MEMORY, value=used.ru_maxrss * _RSS_UNIT)
