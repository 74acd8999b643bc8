"""Our own nats-server on this machine, as its writers see it: its disk, and how it is mended.

A stream whose file could not be written or flushed takes nothing more until nats-server starts
anew: not when there is room again, nor is the log trimmed any more (nats-server 2.15). So it must
never get that far for want of room, and is started anew where it did.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnServer:
    """Where our own server keeps the log, and how much of that disk is not for the log.

    ``restart_request`` is a file: where it appears, the supervisor starts the server anew.
    """

    directory: Path
    min_free_bytes: int
    restart_request: Path

    def has_room(self) -> bool:
        """Whether the log may still grow; yes, where that cannot be found out."""
        room = self.room_bytes()
        return room is None or room >= 0

    def room_bytes(self) -> int | None:
        """How much larger the log may become: below 0 it must not grow. None: cannot be told."""
        try:
            disk = os.statvfs(self.directory)
        except OSError:
            return None
        return disk.f_bavail * disk.f_frsize - self.min_free_bytes

    def ask_for_restart(self) -> None:
        """Have the supervisor start the server anew; a second time, before it has, is no matter."""
        self.restart_request.touch()
