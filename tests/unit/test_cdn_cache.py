from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.cdn.cache import Copy, CopyCache, Use, judge
from tests.builders import NOW

URL = "https://cdn.test/a.js"
MINUTE = timedelta(minutes=1)


def a_cache(folder: Path, **limits: int) -> CopyCache:
    cache = CopyCache(folder / "mirror", **limits)
    cache.load()
    return cache


def keep(cache: CopyCache, body: bytes, *, url: str = URL, etag: str = '"1"') -> Copy:
    copy = cache.save(url, body, etag=etag, now=NOW)
    cache.remove(cache.put(copy))
    return copy


@pytest.mark.parametrize(
    ("age", "use"),
    [
        (timedelta(0), Use.SERVE),
        (MINUTE, Use.SERVE),
        (2 * MINUTE, Use.SERVE_AND_ASK),
        (timedelta(hours=24), Use.SERVE_AND_ASK),
        (timedelta(hours=25), Use.ASK_FIRST),
        (timedelta(days=400), Use.ASK_FIRST),
        (-MINUTE, Use.SERVE_AND_ASK),
    ],
)
def test_a_copy_is_used_by_its_age(age: timedelta, use: Use) -> None:
    copy = Copy(url=URL, digest="", etag="", size=0, checked_at=NOW - age)

    assert judge(copy, now=NOW, fresh_for=MINUTE) is use


def test_copies_survive_a_restart_with_tag_and_time(tmp_path: Path) -> None:
    copy = keep(a_cache(tmp_path), b"line\nanother")
    again = a_cache(tmp_path)

    assert again.find(URL) == copy
    assert again.read(copy) == b"line\nanother"


def test_a_touched_copy_is_as_new_after_a_restart_too(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    later = cache.touch(keep(cache, b"x"), now=NOW + MINUTE)
    cache.put(later)

    assert later.checked_at == NOW + MINUTE
    assert a_cache(tmp_path).find(URL) == later


def test_a_new_body_replaces_the_old_one_on_disk(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    old = keep(cache, b"old")
    new = keep(cache, b"new")

    assert (cache.find(URL), cache.read(new), cache.read(old)) == (new, b"new", None)
    assert cache.size == 3
    assert len([*(tmp_path / "mirror").iterdir()]) == 1


def test_the_same_body_again_is_kept(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    keep(cache, b"same")
    again = keep(cache, b"same", etag='"2"')

    assert cache.read(again) == b"same"
    assert a_cache(tmp_path).find(URL) == again


def test_the_least_recently_used_copies_make_room(tmp_path: Path) -> None:
    cache = a_cache(tmp_path, max_bytes=10)
    for name in ("a", "b"):
        keep(cache, b"12345", url=name)
    cache.find("a")
    keep(cache, b"12345", url="c")

    assert [cache.find(name) is not None for name in ("a", "b", "c")] == [True, False, True]
    assert len([*(tmp_path / "mirror").iterdir()]) == 2


def test_a_damaged_copy_is_not_read(tmp_path: Path) -> None:
    cache = a_cache(tmp_path)
    copy = keep(cache, b"12345")
    (file,) = (tmp_path / "mirror").iterdir()
    file.write_bytes(file.read_bytes().replace(b"12345", b"12a45"))

    assert cache.read(copy) is None
    assert cache.read(replace(copy, url="https://cdn.test/other.js")) is None


def test_a_folder_among_the_copies_stops_nothing(tmp_path: Path) -> None:
    copy = keep(a_cache(tmp_path), b"12345")
    (tmp_path / "mirror" / "lost+found").mkdir()

    assert a_cache(tmp_path).find(URL) == copy


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xff", b'{"url": 1}\nx'])
def test_files_that_are_no_copies_are_removed_at_start(tmp_path: Path, content: bytes) -> None:
    cache = a_cache(tmp_path)
    keep(cache, b"12345")
    (file,) = (tmp_path / "mirror").iterdir()
    (tmp_path / "mirror" / "torn.new").write_bytes(content)
    file.write_bytes(file.read_bytes()[:-1])

    assert a_cache(tmp_path).find(URL) is None
    assert [*(tmp_path / "mirror").iterdir()] == []
