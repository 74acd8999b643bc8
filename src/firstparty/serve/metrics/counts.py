"""What the roles of a process have counted, as samples of the metrics that they are."""

from collections.abc import Collection, Iterator
from types import MappingProxyType
from typing import Final

from firstparty.counts import Counts
from firstparty.serve.metrics.catalogue import METRICS
from firstparty.serve.metrics.text import Sample

_PREFIX: Final = "firstparty_"
_BY_NAME: Final = MappingProxyType({one.name.removeprefix(_PREFIX): one for one in METRICS})


def collect_counts(counts: Counts, roles: Collection[str]) -> Iterator[Sample]:
    """The samples; what these roles could count and have not yet is told as 0."""
    told = dict(counts.read_all())
    for metric in METRICS:
        if metric.told_by in roles:
            for labels in metric.from_start:
                told.setdefault((metric.name.removeprefix(_PREFIX), labels), 0)
    for (name, labels), value in sorted(told.items()):
        metric = _BY_NAME[name]
        yield Sample(
            metric=metric, value=value, labels=dict(zip(metric.labels, labels, strict=True))
        )
