"""What a metric is."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric as Prometheus knows it; ``told_by`` is the role that tells it.

    ``from_start``: values of its labels that are told as 0 before anything was counted.
    """

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...] = ()
    told_by: str = "every role"
    from_start: tuple[tuple[str, ...], ...] = ()
