"""What a reader of the feed promises, for both ways to read it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from firstparty.errors import Unavailable
from firstparty.model.feed import Topic
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.feed import StoreFeed
from firstparty.store.reader import MAX_ENTRIES, FeedReader, open_feed

Open = Callable[[str], FeedReader]


@pytest.fixture(params=[open_feed, lambda url: StoreFeed(Store(url))], ids=["sqlite", "store"])
def open_reader(request: pytest.FixtureRequest) -> Open:
    chosen: Open = request.param
    return chosen


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(f"sqlite:///{tmp_path / 'a folder' / 'store.db'}")
    (tmp_path / "a folder").mkdir()
    tables.metadata.create_all(store.engine)
    return store


def test_an_empty_feed_is_seen_as_revision_nought(store: Store, open_reader: Open) -> None:
    assert open_reader(str(store.engine.url)).read([Topic.EDGE], after=0) == (0, [])


def test_changes_come_once_in_the_order_of_their_revisions(store: Store, open_reader: Open) -> None:
    reader = open_reader(str(store.engine.url))
    with store.write() as connection:
        for key in ("b", "a"):
            feed.publish(connection, Topic.EDGE, key, key.encode())
        feed.publish(connection, Topic.EDGE, "b", None)
    seen, entries = reader.read([Topic.EDGE], after=0)

    assert [(entry.key, entry.body) for entry in entries] == [("a", b"a"), ("b", None)]
    assert reader.read([Topic.EDGE], after=seen) == (seen, [])


def test_other_topics_move_what_is_seen_and_bring_no_entries(
    store: Store, open_reader: Open
) -> None:
    with store.write() as connection:
        newest = feed.publish(connection, Topic.ZONES, "a", b"zone")

    assert open_reader(str(store.engine.url)).read([Topic.EDGE], after=0) == (newest, [])


def test_more_than_a_page_is_read_page_by_page(store: Store, open_reader: Open) -> None:
    reader = open_reader(str(store.engine.url))
    with store.write() as connection:
        for number in range(MAX_ENTRIES + 1):
            feed.publish(connection, Topic.EDGE, f"{number}", b"")
    seen, first = reader.read([Topic.EDGE], after=0)
    last, second = reader.read([Topic.EDGE], after=seen)

    assert (len(first), len(second)) == (MAX_ENTRIES, 1)
    assert last == second[0].revision


def test_a_database_that_is_away_is_unavailable_until_it_is_back(
    tmp_path: Path, open_reader: Open
) -> None:
    url = f"sqlite:///{tmp_path / 'late' / 'store.db'}"
    reader = open_reader(url)
    with pytest.raises(Unavailable):
        reader.read([Topic.EDGE], after=0)
    (tmp_path / "late").mkdir()
    tables.metadata.create_all(Store(url).engine)

    assert reader.read([Topic.EDGE], after=0) == (0, [])
