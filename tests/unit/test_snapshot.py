"""A role's copy of the feed on disk, cut off at any byte."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstparty.model.feed import FeedEntry, Topic
from firstparty.store.snapshot import FeedSnapshot

CHANGES = st.lists(
    st.lists(st.tuples(st.sampled_from("abcde"), st.none() | st.binary(max_size=40)), min_size=1),
    min_size=1,
    max_size=12,
)
State = dict[str, bytes | None]


def an_entry(revision: int, key: str = "a", body: bytes | None = b"x") -> FeedEntry:
    return FeedEntry(revision=revision, topic=Topic.ZONES, key=key, body=body)


def state_of(snapshot: FeedSnapshot) -> State:
    return {entry.key: entry.body for entry in snapshot.entries.values()}


def load(folder: Path, *, min_changes_bytes: int = 0) -> FeedSnapshot:
    snapshot = FeedSnapshot(folder / "zones.snapshot", min_changes_bytes=min_changes_bytes)
    snapshot.load()
    return snapshot


def save_all(snapshot: FeedSnapshot, changes: list[list[tuple[str, bytes | None]]]) -> list[State]:
    """The state after each save, the empty one first."""
    states: list[State] = [{}]
    revision = snapshot.revision
    for change in changes:
        entries = []
        for key, body in change:
            revision += 1
            entries.append(an_entry(revision, key, body))
        snapshot.save(entries)
        states.append(states[-1] | dict(change))
    return states


@settings(max_examples=60)
@given(changes=CHANGES, min_changes_bytes=st.sampled_from([0, 200, 10_000]))
def test_what_was_saved_is_read_however_often_it_was_written_anew(
    changes: list[list[tuple[str, bytes | None]]], min_changes_bytes: int
) -> None:
    with TemporaryDirectory() as folder:
        snapshot = load(Path(folder), min_changes_bytes=min_changes_bytes)
        states = save_all(snapshot, changes)
        again = load(Path(folder))

    assert state_of(again) == states[-1]
    assert again.revision == snapshot.revision


@settings(max_examples=60)
@given(changes=CHANGES, data=st.data())
def test_changes_that_are_cut_off_anywhere_leave_a_state_that_was_and_what_follows_is_kept(
    changes: list[list[tuple[str, bytes | None]]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        states = save_all(load(folder, min_changes_bytes=10_000), changes)
        file = folder / "zones.snapshot.changes"
        whole = file.read_bytes() if file.exists() else b""
        cut = data.draw(st.integers(0, len(whole)))
        file.write_bytes(whole[:cut] + data.draw(st.sampled_from([b"", b"\x00" * 9, b"\xff" * 9])))
        torn = load(folder, min_changes_bytes=10_000)
        state, revision = state_of(torn), torn.revision
        torn.save([an_entry(revision + 1, "next")])
        after = load(folder)

    assert state in states[1:]
    assert state_of(after) == state | {"next": b"x"}
    assert after.revision == revision + 1


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_damaged_file_is_read_as_far_as_it_goes_and_everything_is_asked_for_again(
    cut: int, tmp_path: Path
) -> None:
    snapshot = load(tmp_path)
    snapshot.save([an_entry(7, "a"), an_entry(9, "b")])
    file = tmp_path / "zones.snapshot"
    whole = file.read_bytes()
    file.write_bytes(whole[: min(cut, len(whole) - 1)])
    damaged = load(tmp_path)
    revision = damaged.revision
    damaged.save([an_entry(7, "a"), an_entry(9, "b")])

    assert revision == 0
    assert load(tmp_path).revision == 9


def test_changes_that_outlived_their_file_by_a_crash_do_no_harm(tmp_path: Path) -> None:
    snapshot = load(tmp_path, min_changes_bytes=10_000)
    snapshot.save([an_entry(1, "a", b"old")])
    snapshot.save([an_entry(2, "a", b"older")])
    changes = tmp_path / "zones.snapshot.changes"
    left = changes.read_bytes()
    changes.unlink()
    (tmp_path / "zones.snapshot").unlink()
    load(tmp_path).save([an_entry(3, "a", b"new")])
    changes.write_bytes(left)

    assert state_of(load(tmp_path)) == {"a": b"new"}


def test_changes_without_their_file_are_not_taken_for_everything(tmp_path: Path) -> None:
    snapshot = load(tmp_path, min_changes_bytes=10_000)
    snapshot.save([an_entry(1, "a")])
    snapshot.save([an_entry(2, "b")])
    (tmp_path / "zones.snapshot").unlink()
    alone = load(tmp_path)

    assert (alone.revision, alone.entries) == (0, {})


def test_a_change_writes_what_it_has_itself(tmp_path: Path) -> None:
    snapshot = load(tmp_path, min_changes_bytes=10_000)
    snapshot.save([an_entry(number, f"key{number}", b"x" * 100) for number in range(1, 1_001)])
    whole = (tmp_path / "zones.snapshot").stat()
    snapshot.save([an_entry(1_001, "one more", b"x" * 100)])
    after = (tmp_path / "zones.snapshot").stat()

    assert (after.st_ino, after.st_size) == (whole.st_ino, whole.st_size)
    assert (tmp_path / "zones.snapshot.changes").stat().st_size < 300
