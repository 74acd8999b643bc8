"""A role's copy of the feed, whose writer is killed at any moment."""

import asyncio
import sys
from pathlib import Path

import pytest

from firstparty.store.snapshot import FeedSnapshot

WRITER = """
import itertools, sys
from pathlib import Path
from firstparty.model.feed import FeedEntry, Topic
from firstparty.store.snapshot import FeedSnapshot
snapshot = FeedSnapshot(Path(sys.argv[1]), min_changes_bytes=2_000)
snapshot.load()
for revision in itertools.count(snapshot.revision + 1):
    key = f"key{revision % 50}"
    body = str(revision).encode() * 20
    snapshot.save([FeedEntry(revision=revision, topic=Topic.ZONES, key=key, body=body)])
    print(revision, flush=True)
"""


@pytest.mark.parametrize("kills", [8])
async def test_what_was_saved_is_there_after_each_kill(kills: int, tmp_path: Path) -> None:
    file = tmp_path / "zones.snapshot"
    saved = 0
    for number in range(kills):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(file), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(37 + 11 * number):
            saved = int(await process.stdout.readline())
        process.kill()
        rest = (await process.stdout.read()).split()
        saved = max([saved, *map(int, rest)])
        await process.wait()
        found = FeedSnapshot(file)
        found.load()

        assert found.revision >= saved
        for entry in found.entries.values():
            assert entry.body == str(entry.revision).encode() * 20
        assert sorted(entry.revision for entry in found.entries.values()) == list(
            range(max(1, found.revision - 49), found.revision + 1)
        )
