"""What the process of the CDN role tells: versions that it could not take over."""

from collections.abc import Iterator
from pathlib import Path

from firstparty.cdn.refusals import list_refusals
from firstparty.serve.metrics.catalogue import LIBRARY_REFUSED
from firstparty.serve.metrics.text import Sample


def collect_cdn(state: Path) -> Iterator[Sample]:
    """The sample. Reads a folder that is nearly always empty."""
    yield Sample(metric=LIBRARY_REFUSED, value=len(list_refusals(state)))
