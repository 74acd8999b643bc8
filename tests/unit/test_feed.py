import asyncio
from pathlib import Path

import pytest

from firstparty.model.feed import FeedEntry, Topic
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.follow import follow_feed
from firstparty.store.reader import open_feed
from firstparty.store.snapshot import FeedSnapshot


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    tables.metadata.create_all(store.engine)
    return store


def test_revisions_grow_over_all_topics(store: Store) -> None:
    with store.write() as connection:
        first = feed.publish(connection, Topic.EDGE, "dom_1", b"{}")
        second = feed.publish(connection, Topic.ZONES, "dom_1", b"{}")

    assert second == first + 1


def test_publishing_the_same_again_changes_nothing(store: Store) -> None:
    with store.write() as connection:
        first = feed.publish(connection, Topic.EDGE, "dom_1", b"{}")
        again = feed.publish(connection, Topic.EDGE, "dom_1", b"{}")

    assert again == first


def test_a_removed_key_is_read_as_an_entry_without_a_body(store: Store) -> None:
    with store.write() as connection:
        before = feed.publish(connection, Topic.EDGE, "dom_1", b"{}")
        feed.publish(connection, Topic.EDGE, "dom_1", None)
        changes = feed.read_changes(connection, [Topic.EDGE], after=before)

    assert [(entry.key, entry.body) for entry in changes] == [("dom_1", None)]


async def test_a_follower_gets_its_snapshot_while_the_database_is_away(tmp_path: Path) -> None:
    entry = FeedEntry(revision=7, topic=Topic.ZONES, key="dom_1", body=b"{}")
    snapshot = FeedSnapshot(tmp_path / "zones.snapshot")
    snapshot.save([entry])
    nowhere = open_feed(f"sqlite:///{tmp_path / 'no-such-folder' / 'store.db'}")
    seen: list[FeedEntry] = []
    task = asyncio.create_task(
        follow_feed(nowhere, [Topic.ZONES], tmp_path / "zones.snapshot", seen.extend)
    )
    while not seen:
        await asyncio.sleep(0)
    task.cancel()

    assert seen == [entry]


async def test_a_follower_sees_a_change_of_its_topics_only(store: Store, tmp_path: Path) -> None:
    with store.write() as connection:
        feed.publish(connection, Topic.EDGE, "dom_1", b"edge")
        feed.publish(connection, Topic.ZONES, "dom_1", b"zone")
    seen: list[FeedEntry] = []
    task = asyncio.create_task(
        follow_feed(
            open_feed(str(store.engine.url)),
            [Topic.ZONES],
            tmp_path / "zones.snapshot",
            seen.extend,
        )
    )
    while not seen:
        await asyncio.sleep(0.01)
    task.cancel()

    assert [entry.body for entry in seen] == [b"zone"]
