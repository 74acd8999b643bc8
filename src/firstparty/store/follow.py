"""How a role in front follows the feed: snapshot first, then changes, for ever.

The snapshot is the role's last good state on disk, so it starts and goes on while the database
is away. Secrets in entries are sealed already, so the snapshot holds none in the clear.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from firstparty.errors import Unavailable
from firstparty.model.feed import FeedEntry, Topic
from firstparty.store.reader import FeedReader
from firstparty.store.snapshot import FeedSnapshot
from firstparty.telemetry import Log

Apply = Callable[[Iterable[FeedEntry]], None]


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
                apply(changes)
                await asyncio.to_thread(snapshot.save, changes)
            revision = seen
            if note is not None:
                note(revision)
            await asyncio.sleep(feed.poll.total_seconds())
