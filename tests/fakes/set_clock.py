"""A wall clock that is set while processes run: theirs alone, by libfaketime (Debian: faketime).

It stands between a program and the C library, so it reaches Python and not nats-server, which asks
the kernel without it. The clock that only runs (CLOCK_MONOTONIC) is left alone, as when a machine's
clock is set.
"""

from datetime import timedelta
from pathlib import Path

import pytest


class SetClock:
    """How far the processes that have its ``environment`` find the wall clock from the true one."""

    def __init__(self, folder: Path) -> None:
        """Skips the test where the library is not installed."""
        libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not libraries:
            pytest.skip("libfaketime is not installed (Debian: faketime)")
        self._file = folder / "clock"
        self.set(timedelta())
        self.environment = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
        }

    def set(self, wrong_by: timedelta) -> None:
        """Set the clock to so much more than the true time; the processes find it at once."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{wrong_by.total_seconds():+.0f}\n")
        new.replace(self._file)
