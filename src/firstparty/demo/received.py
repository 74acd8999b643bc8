"""The record of what the demo's upstream took: one JSON line a message, in order of arrival."""

import os
from array import array
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec


class ReceivedLog:
    """A file of lines that is only added to, and an index of where each line ends."""

    def __init__(self, file: Path) -> None:
        """Go on with ``file``, making it (and its folder) where there is none."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._ends = array("Q")
        end = 0
        with file.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    end += len(line)
                    self._ends.append(end)
        os.ftruncate(self._descriptor, end)  # a line that a crash left torn was never answered

    @property
    def count(self) -> int:
        """How many messages there are."""
        return len(self._ends)

    def add(
        self,
        messages: Iterable[Any],
        *,
        path: str,
        write_key: str,
        headers: Mapping[str, str],
        now: datetime,
    ) -> None:
        """Add one line for each message, all in one write: a crash leaves all of them or none."""
        received_at = now.astimezone(UTC).isoformat(timespec="microseconds")
        lines = [
            msgspec.json.encode(
                {
                    "received_at": received_at.replace("+00:00", "Z"),
                    "path": path,
                    "write_key": write_key,
                    "headers": headers,
                    "message": message,
                }
            )
            + b"\n"
            for message in messages
        ]
        rest = memoryview(b"".join(lines))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        end = self._ends[-1] if self._ends else 0
        for line in lines:
            end += len(line)
            self._ends.append(end)

    def read(self, *, after: int, limit: int) -> list[bytes]:
        """Up to ``limit`` lines behind the first ``after`` ones."""
        last = min(after + limit, len(self._ends))
        if after >= last:
            return []
        start = self._ends[after - 1] if after else 0
        data = os.pread(self._descriptor, self._ends[last - 1] - start, start)
        return data.splitlines()

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)
