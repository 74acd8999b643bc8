"""Which roots the probe trusts: the system's, and those of the CA in use where it is no public one.

The files may appear or change while we run (a test CA has new roots at each start), so they are
looked at before each use and read again when they changed.
"""

import ssl
from collections.abc import Sequence
from pathlib import Path


class Trust:
    """A TLS context for clients, made anew whenever one of its files changes."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._made_from: list[int] | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The context for the files as they are now; a missing or broken one is left out."""
        times = [file.stat().st_mtime_ns if file.exists() else 0 for file in self._files]
        if self._context is None or times != self._made_from:
            self._context, self._made_from = self._make(), times
        return self._context

    def _make(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        for file in self._files:
            try:
                context.load_verify_locations(cafile=file)
            except (OSError, ssl.SSLError):
                continue  # what it should vouch for then fails to verify, and that is said
        return context
