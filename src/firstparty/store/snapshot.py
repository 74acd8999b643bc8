"""What a role last saw of the feed, on disk: a file of everything, and one of what changed since.

A change costs what it has itself, not what there is: it is appended to ``FILE.changes`` (write,
fsync). When that is as big as the other, everything is written anew (write, fsync, rename) and the
changes begin afresh. A crash at any point leaves a state that was whole: entries of older revisions
never replace newer ones, and a torn end is cut off.
"""

import contextlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from firstparty.model.feed import FeedEntry, Topic
from firstparty.telemetry import Log

_MAGIC: Final = b"firstparty feed 1\n"
_RECORD: Final = struct.Struct("<II")  # length and CRC-32 of the entries that follow
_MAX_ENTRIES: Final = 256  # of a record: encoding one never keeps other threads for long
MIN_CHANGES_BYTES: Final = 1024**2  # so many are kept before everything is written anew

_ENTRIES: Final = msgspec.msgpack.Decoder(list[FeedEntry])


class FeedSnapshot:
    """The entries last seen. One process writes it, from one thread at a time."""

    def __init__(self, file: Path, *, min_changes_bytes: int = MIN_CHANGES_BYTES) -> None:
        self._file = file
        self._changes = file.with_name(f"{file.name}.changes")
        self._min_changes_bytes = min_changes_bytes
        self._whole_bytes: int | None = None  # None: there is nothing to append to
        self._changes_bytes = 0
        self.entries: dict[tuple[Topic, str], FeedEntry] = {}

    @property
    def revision(self) -> int:
        """The newest revision of which it has everything; 0: read all of it again."""
        if self._whole_bytes is None:
            return 0
        return max((entry.revision for entry in self.entries.values()), default=0)

    def load(self) -> None:
        """Read the files. Where they are damaged it says so and has what could be read."""
        with contextlib.suppress(FileNotFoundError), self._file.open("rb") as stream:
            end = self._read(stream)
            if end != stream.seek(0, os.SEEK_END):
                Log("feed").error("feed.snapshot_damaged", file=str(self._file), at=end)
                return
            self._whole_bytes = end
        if self._whole_bytes is None:
            return
        with contextlib.suppress(FileNotFoundError), self._changes.open("rb") as stream:
            self._changes_bytes = self._read(stream)

    def save(self, entries: Iterable[FeedEntry]) -> None:
        """Take newer entries in; they are on disk when this returns.

        Removed keys stay, bodiless, so that the revision is kept.
        """
        fresh = list(entries)
        self._merge(fresh)
        if self._whole_bytes is None or self._changes_bytes > max(
            self._min_changes_bytes, self._whole_bytes
        ):
            self._write_whole()
        else:
            self._append(fresh)

    def _merge(self, entries: Iterable[FeedEntry]) -> None:
        for entry in entries:
            place = (entry.topic, entry.key)
            there = self.entries.get(place)
            if there is None or entry.revision >= there.revision:
                self.entries[place] = entry

    def _read(self, stream: BinaryIO) -> int:
        """Take in the records of a file; where the last good one ends."""
        if stream.read(len(_MAGIC)) != _MAGIC:
            return 0
        end = len(_MAGIC)
        while len(head := stream.read(_RECORD.size)) == _RECORD.size:
            length, checksum = _RECORD.unpack(head)
            body = stream.read(length)
            if len(body) != length or zlib.crc32(body) != checksum:
                break
            try:
                self._merge(_ENTRIES.decode(body))
            except msgspec.DecodeError:  # another version's
                break
            end += _RECORD.size + length
        return end

    def _append(self, entries: Iterable[FeedEntry]) -> None:
        is_new = not self._changes_bytes
        # Neither "ab" nor "wb": what a crash has torn is overwritten, and nothing else.
        descriptor = os.open(self._changes, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.truncate(self._changes_bytes)
            stream.seek(self._changes_bytes)
            self._changes_bytes += _write(stream, entries, is_new=is_new)
        if is_new:
            self._sync_folder()

    def _write_whole(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with fresh.open("wb") as stream:
            self._whole_bytes = _write(stream, self.entries.values(), is_new=True)
        fresh.replace(self._file)
        self._sync_folder()  # first: a power cut must not leave the old file without its changes
        self._changes.unlink(missing_ok=True)
        self._changes_bytes = 0

    def _sync_folder(self) -> None:
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write(stream: BinaryIO, entries: Iterable[FeedEntry], *, is_new: bool) -> int:
    """Write records and flush them to disk; how many bytes these were."""
    written = stream.write(_MAGIC) if is_new else 0
    for some in _split(entries):
        body = msgspec.msgpack.encode(some)
        written += stream.write(_RECORD.pack(len(body), zlib.crc32(body)))
        written += stream.write(body)
    stream.flush()
    os.fsync(stream.fileno())
    return written


def _split(entries: Iterable[FeedEntry]) -> Iterator[list[FeedEntry]]:
    """Parts of a bounded number of entries each."""
    rest = iter(entries)
    while some := list(islice(rest, _MAX_ENTRIES)):
        yield some
