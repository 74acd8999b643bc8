"""What a role counts of itself while it runs, for whoever tells metrics. It knows no metric.

A name is that of a metric without its prefix, and ``labels`` are the values of that metric's
labels, few and known beforehand: never a domain, a source or anything a visitor sends.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

Key = tuple[str, tuple[str, ...]]  # name, values of labels
Reader = Callable[[], Iterable[tuple[Key, float]]]


class Counts:
    """The counts of one process. One thread at a time adds to a key."""

    def __init__(self) -> None:
        self._values: Final[defaultdict[Key, float]] = defaultdict(float)
        self._readers: list[Reader] = []

    def add(self, name: str, *labels: str, by: float = 1) -> None:
        """Count one more, or ``by``."""
        self._values[name, labels] += by

    def set(self, name: str, value: float, *labels: str) -> None:
        """What it is now."""
        self._values[name, labels] = value

    def read_by(self, reader: Reader) -> None:
        """Ask ``reader`` too, each time somebody wants to know: for what is counted elsewhere."""
        self._readers.append(reader)

    def read_all(self) -> Iterator[tuple[Key, float]]:
        """All of it, as of now."""
        yield from tuple(self._values.items())
        for reader in self._readers:
            yield from reader()
