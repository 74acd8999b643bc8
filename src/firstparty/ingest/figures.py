"""What an ingest process can tell of itself, for whoever asks while it runs."""

from collections.abc import Mapping
from typing import Protocol


class Source(Protocol):
    """What counts in a process."""

    def count_all(self) -> Mapping[str, int]:
        """Requests by what became of them, since the start."""
        ...


class Figures:
    """The figures of one process; all of them zero before the role runs."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self.connections = 0
        self.held_bytes = 0

    def follow(self, source: Source) -> None:
        """Take the counts from here."""
        self._source = source

    def count_all(self) -> Mapping[str, int]:
        """Requests by what became of them, since the start; and ``privacy_dropped`` messages."""
        return {} if self._source is None else self._source.count_all()
