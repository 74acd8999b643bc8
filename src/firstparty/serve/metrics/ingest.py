"""What an ingest process tells: requests by outcome, and what it holds."""

from collections.abc import Iterator

from firstparty.ingest.figures import Figures
from firstparty.serve.metrics.catalogue import (
    INGEST_CONNECTIONS,
    INGEST_HELD,
    INGEST_PRIVACY_DROPPED,
    INGEST_REQUESTS,
)
from firstparty.serve.metrics.text import Sample

_PRIVACY_DROPPED = "privacy_dropped"  # messages, unlike the others


def collect_ingest(figures: Figures) -> Iterator[Sample]:
    """The samples of one process."""
    counts = figures.count_all()
    for outcome, number in sorted(counts.items()):
        if outcome != _PRIVACY_DROPPED:
            yield Sample(metric=INGEST_REQUESTS, value=number, labels={"outcome": outcome})
    yield Sample(metric=INGEST_PRIVACY_DROPPED, value=counts.get(_PRIVACY_DROPPED, 0))
    yield Sample(metric=INGEST_CONNECTIONS, value=figures.connections)
    yield Sample(metric=INGEST_HELD, value=figures.held_bytes)
