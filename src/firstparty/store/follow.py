"""How a role in front follows the feed: snapshot first, then changes, for ever.

The snapshot is the role's last good state on disk, so it starts and goes on while the database
is away. Secrets in entries are sealed already, so the snapshot holds none in the clear.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import msgspec

from firstparty.errors import Unavailable
from firstparty.model.feed import FeedEntry, Topic
from firstparty.store.reader import FeedReader
from firstparty.telemetry import Log

Apply = Callable[[Iterable[FeedEntry]], None]


class FeedSnapshot:
    """The entries last seen, kept in one file that is replaced whole (write, fsync, rename)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.entries: dict[tuple[Topic, str], FeedEntry] = {}

    @property
    def revision(self) -> int:
        """The newest revision in it; 0 when empty."""
        return max((entry.revision for entry in self.entries.values()), default=0)

    def load(self) -> None:
        """Read the file; a missing or unreadable one is an empty snapshot, and said so."""
        with contextlib.suppress(FileNotFoundError):
            try:
                entries = msgspec.msgpack.decode(self._file.read_bytes(), type=list[FeedEntry])
            except msgspec.DecodeError as error:
                Log("feed").error("feed.snapshot_unreadable", file=str(self._file), error=error)
                return
            self.entries = {(entry.topic, entry.key): entry for entry in entries}

    def merge(self, entries: Iterable[FeedEntry]) -> None:
        """Take newer entries in. Removed keys stay, bodiless, so that the revision is kept."""
        self.entries.update({(entry.topic, entry.key): entry for entry in entries})

    def save(self) -> None:
        """Replace the file so that a crash leaves the old or the new one, never a torn one."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with fresh.open("wb") as stream:
            stream.write(msgspec.msgpack.encode(list(self.entries.values())))
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self._file)


async def follow_feed(
    feed: FeedReader,
    topics: Iterable[Topic],
    file: Path,
    apply: Apply,
    *,
    note: Callable[[int], None] | None = None,
) -> None:
    """Call ``apply`` with the snapshot's entries, then with every change, until cancelled.

    ``apply`` gets entries in the order of their revisions and MUST NOT fail on a single bad one.
    ``note`` is told the revision up to which it has them all, each time the feed was read.
    """
    log = Log("feed")
    wanted = tuple(topics)
    snapshot = FeedSnapshot(file)
    await asyncio.to_thread(snapshot.load)
    if snapshot.entries:
        apply(sorted(snapshot.entries.values(), key=lambda entry: entry.revision))
    revision, is_reachable = snapshot.revision, True
    with closing(feed):
        while True:
            try:
                seen, changes = await asyncio.to_thread(feed.read, wanted, after=revision)
            except Unavailable as away:
                if is_reachable:
                    log.warning("feed.unreachable", revision=revision, error=away)
                is_reachable = False
                await asyncio.sleep(away.retry_after.total_seconds())
                continue
            is_reachable = True
            if changes:
                snapshot.merge(changes)
                apply(changes)
                await asyncio.to_thread(snapshot.save)
            revision = seen
            if note is not None:
                note(revision)
            await asyncio.sleep(feed.poll.total_seconds())
