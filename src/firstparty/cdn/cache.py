"""Copies of what the upstream CDN has, on disk: what is served while the upstream is away.

A copy is named by its whole upstream URL. Nothing else of a request reaches the upstream, so
nothing else can change what a copy holds. One file a copy: a line of facts, then the body; the
file's time is when the upstream last said that it is still so.
"""

import contextlib
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

MAX_CACHE_BYTES: Final = 1024**3
_MAX_FACTS_BYTES: Final = 16 * 1024
# Longer without a word from the upstream, and a visitor waits a moment for its answer first.
_STALE_WHILE_REVALIDATE: Final = timedelta(hours=24)


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    digest: str
    etag: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A body on disk. ``digest`` is of the body; ``etag`` the upstream's, empty if it had none."""

    url: str
    digest: str
    etag: str
    size: int
    checked_at: datetime


class Use(StrEnum):
    """What to do with a copy."""

    SERVE = "serve"
    SERVE_AND_ASK = "serve-and-ask"  # stale-while-revalidate
    ASK_FIRST = "ask-first"  # and serve it if there is no good answer soon: stale-if-error


def judge(copy: Copy, *, now: datetime, fresh_for: timedelta) -> Use:
    """How a copy may be used at ``now``. One from the future is of a clock that was wrong."""
    age = now - copy.checked_at
    if timedelta(0) <= age <= fresh_for:
        return Use.SERVE
    return Use.SERVE_AND_ASK if age <= fresh_for + _STALE_WHILE_REVALIDATE else Use.ASK_FIRST


class CopyCache:
    """The copies in a folder, the least recently used dropped above ``max_bytes``.

    Only finding is done on the event loop; what reads or writes files is to be called in a thread.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._copies: OrderedDict[str, Copy] = OrderedDict()
        self.size = 0

    def load(self) -> None:
        """Read which copies are there; files that are not whole are removed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        found = []
        for path in self._folder.iterdir():
            if (copy := _read_facts(path)) is None or path != self._path(copy):
                with contextlib.suppress(OSError):  # a folder that somebody put here is no copy
                    path.unlink()
            else:
                found.append(copy)
        for copy in sorted(found, key=lambda one: one.checked_at):
            self.remove(self.put(copy))

    def find(self, url: str) -> Copy | None:
        """The copy of this URL, which is now the most recently used."""
        if (copy := self._copies.get(url)) is not None:
            self._copies.move_to_end(url)
        return copy

    def read(self, copy: Copy) -> bytes | None:
        """The body; None, and the copy is gone, where the disk has something else by now."""
        try:
            _, _, body = self._path(copy).read_bytes().partition(b"\n")
        except OSError:
            return None
        return body if digest_of(body) == copy.digest else None

    def save(self, url: str, body: bytes, *, etag: str, now: datetime) -> Copy:
        """Write a body beside the one before, which stays until ``put`` has replaced it.

        A crash leaves a whole file or none. Raises OSError where the disk takes no more.
        """
        facts = _Facts(url=url, digest=digest_of(body), etag=etag, bytes=len(body))
        copy = _as_copy(facts, now)
        path = self._path(copy)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as stream:
            stream.write(msgspec.json.encode(facts) + b"\n" + body)
            stream.flush()
            os.fsync(stream.fileno())
        _set_time(fresh, now)
        fresh.replace(path)
        return copy

    def touch(self, copy: Copy, *, now: datetime) -> Copy:
        """Note that the upstream still has it like this. Raises OSError."""
        _set_time(self._path(copy), now)
        return replace(copy, checked_at=now)

    def put(self, copy: Copy) -> list[Copy]:
        """Let a saved or touched copy be found; the answer is what to remove for it."""
        gone = [old for old in self.forget(copy.url) if old.digest != copy.digest]
        self._copies[copy.url] = copy
        self.size += copy.size
        while self.size > self._max_bytes and len(self._copies) > 1:
            gone += self.forget(next(iter(self._copies)))
        return gone

    def forget(self, url: str) -> list[Copy]:
        """Let it be found no more; the answer is what to remove."""
        copy = self._copies.pop(url, None)
        if copy is None:
            return []
        self.size -= copy.size
        return [copy]

    def remove(self, copies: Iterable[Copy]) -> None:
        """Delete the files of copies that are not found any more."""
        for copy in copies:
            self._path(copy).unlink(missing_ok=True)

    def _path(self, copy: Copy) -> Path:
        # The body is in the name, so that who reads the earlier one never meets the later one.
        return self._folder / f"{digest_of(copy.url.encode())}-{copy.digest}.copy"


def digest_of(body: bytes) -> str:
    """What tells bodies apart."""
    return hashlib.sha256(body).hexdigest()[:32]


def _read_facts(path: Path) -> Copy | None:
    """The copy in a file, by its first line and its length; the body is checked when it is read."""
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeError):
        with path.open("rb") as stream:
            line = stream.readline(_MAX_FACTS_BYTES)
            status = os.fstat(stream.fileno())
        facts = msgspec.json.decode(line, type=_Facts)
        if status.st_size == len(line) + facts.bytes:
            return _as_copy(facts, datetime.fromtimestamp(status.st_mtime, UTC))
    return None


def _as_copy(facts: _Facts, checked_at: datetime) -> Copy:
    return Copy(
        url=facts.url,
        digest=facts.digest,
        etag=facts.etag,
        size=facts.bytes,
        checked_at=checked_at,
    )


def _set_time(path: Path, at: datetime) -> None:
    os.utime(path, (at.timestamp(), at.timestamp()))
