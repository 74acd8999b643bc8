"""An Appender in memory, which a test may hold up or break."""

import asyncio
from datetime import timedelta

from firstparty.errors import Unavailable
from firstparty.spool.entries import Entry, decode_group


class MemoryAppender:
    """Stores groups at once; with ``is_held`` it waits for ``release``."""

    def __init__(self, *, max_group_bytes: int = 4 * 1024**2) -> None:
        self.max_group_bytes = max_group_bytes
        self.groups: list[bytes] = []
        self.is_held = False
        self.is_down = False
        self.in_flight: list[tuple[bytes, asyncio.Future[int]]] = []

    def append(self, *pieces: bytes) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.in_flight.append((b"".join(pieces), future))
        if not self.is_held:
            self.release()
        return future

    def release(self) -> None:
        """Let what is in flight be stored, or fail."""
        for group, future in self.in_flight:
            if self.is_down:
                future.set_exception(Unavailable("down", retry_after=timedelta(seconds=2)))
            else:
                self.groups.append(group)
                future.set_result(len(self.groups))
        self.in_flight.clear()

    @property
    def entries(self) -> list[Entry]:
        return [entry for group in self.groups for entry in decode_group(group)]
