"""Delivery into files: one JSON object a line, in the order of arrival; Parquet is made of these.

A source has a directory of its own. What is delivered goes to the end of ``NAME.ndjson.part``,
flushed to disk before it counts. When the file is large or old enough it gets its final name; a
Parquet file is written of it, whole, at that moment. So a file without ``.part`` is complete and
never changes, and a crash loses nothing: the part is there, and is ended at the next start.
"""

import asyncio
import contextlib
import os
import re
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from firstparty.forward.delivery import Answer
from firstparty.model.feed import EdgeSource
from firstparty.model.upstreams import UpstreamKind
from firstparty.telemetry import Log

MAX_FILE_BYTES: Final = 64 * 1024**2
MAX_FILE_AGE: Final = timedelta(minutes=15)
_PART: Final = ".ndjson.part"
_STAMP: Final = "%Y%m%dT%H%M%S%fZ"
_STAMP_LENGTH: Final = 22
_SAFE_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,80}")
_MESSAGES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_COLUMNS: Final = ("messageId", "type", "event", "userId", "anonymousId", "timestamp")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A file that is being written."""

    file: BinaryIO
    path: Path
    kind: UpstreamKind
    opened_at: float


@dataclass(slots=True)
class _Place:
    """One source's part, if one is open, and who may touch it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    part: _Part | None = None


class FileUpstream:
    """Appends batches to files under ``directory``; None: the operator has not named one."""

    def __init__(
        self,
        directory: Path | None,
        *,
        max_bytes: int = MAX_FILE_BYTES,
        max_age: timedelta = MAX_FILE_AGE,
    ) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_age = max_age.total_seconds()
        # A part is written and ended in threads, and one may outlast whoever waited for it.
        self._places: defaultdict[str, _Place] = defaultdict(_Place)

    async def send(
        self, source: EdgeSource, texts: Sequence[bytes], *, sent_at: datetime
    ) -> Answer:
        """Append the messages; 200 once they are on disk. Never raises for what the disk does."""
        del sent_at  # in a file, every message stands for itself
        if self._directory is None:
            return Answer(refusal="no directory for files: set forward.files")
        try:
            await asyncio.to_thread(self._append, source, texts)
        except (OSError, ImportError, ValueError) as error:
            return Answer(error=f"{type(error).__name__}: {error}")
        return Answer(status=HTTPStatus.OK)

    async def end_old(self) -> None:
        """Give files that are old enough their final names; call it now and then."""
        before = time.monotonic() - self._max_age
        for place in list(self._places.values()):
            if place.part is not None and place.part.opened_at <= before:
                await asyncio.to_thread(_end_part, place)

    async def close(self) -> None:
        """End what is open."""
        for place in list(self._places.values()):
            await asyncio.to_thread(_end_part, place)

    def _append(self, source: EdgeSource, texts: Sequence[bytes]) -> None:
        place = self._places[source.id]
        with place.lock:
            part = place.part = place.part or self._open(source)
            flushed = part.file.tell()
            try:
                lines = [_one_line(raw) for raw in _MESSAGES.decode(b"[%b]" % b",".join(texts))]
                part.file.write(b"".join(line + b"\n" for line in lines))
                part.file.flush()
                os.fsync(part.file.fileno())
                is_full = part.file.tell() >= self._max_bytes
            except BaseException:
                _drop(place)
                # These are sent again: what is not known to be on disk must not be in two files,
                # nor in one that the disk may have only in part.
                with contextlib.suppress(OSError):
                    os.truncate(part.path, flushed)
                raise
        if is_full:
            with contextlib.suppress(OSError):  # it is all there, and is ended at the next start
                _end_part(place)

    def _open(self, source: EdgeSource) -> _Part:
        assert self._directory is not None
        if not _SAFE_ID.fullmatch(source.id):
            raise ValueError(f"{source.id!r} is no name for a directory")
        kind = UpstreamKind(source.upstream)
        folder = self._directory / source.id
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _flush_folder(self._directory)
        for left in folder.glob(f"*{_PART}"):
            _mend(left)
            _end(left, kind)
        names = (file.name for file in folder.iterdir())
        stamp = next_stamp(names, now=datetime.now(UTC))
        path = folder / f"{stamp}-{secrets.token_hex(4)}{_PART}"
        file = path.open("xb")
        _flush_folder(folder)
        return _Part(file=file, path=path, kind=kind, opened_at=time.monotonic())


def next_stamp(names: Iterable[str], *, now: datetime) -> str:
    """What a new file's name begins with: the time, but never before that of a file there.

    So names are in the order in which files were written, even if the clock was set back.
    """
    taken = [stamp for name in names if (stamp := _read_stamp(name))]
    return max([now, *(stamp + timedelta(microseconds=1) for stamp in taken)]).strftime(_STAMP)


def _read_stamp(name: str) -> datetime | None:
    try:
        return datetime.strptime(name[:_STAMP_LENGTH], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _drop(place: _Place) -> None:
    """Let go of the part as it is: it is ended when the next one is opened."""
    part, place.part = place.part, None
    if part is not None:
        with contextlib.suppress(OSError):
            part.file.close()


def _end_part(place: _Place) -> None:
    with place.lock:
        part = place.part
        _drop(place)
        if part is not None:
            _end(part.path, part.kind)


def _one_line(raw: msgspec.Raw) -> bytes:
    text = bytes(raw)
    # In JSON a line break can only stand between values.
    return text if b"\n" not in text and b"\r" not in text else msgspec.json.format(text, indent=-1)


def _mend(part: Path) -> None:
    """Cut off a line that a crash left half written: it was never acknowledged."""
    with part.open("r+b") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)
        os.fsync(file.fileno())  # whole lines, too, may have been on their way


def _end(part: Path, kind: UpstreamKind) -> None:
    """Give a part its final name, as the kind of file that is wanted."""
    name = part.name.removesuffix(_PART)
    if not part.exists():
        return
    if part.stat().st_size == 0:
        part.unlink()
    elif kind is UpstreamKind.PARQUET:
        _write_parquet(part, part.with_name(f"{name}.parquet"))
        _flush_folder(part.parent)  # the new name is on disk before the old one goes
        part.unlink()
    else:
        part.rename(part.with_name(f"{name}.ndjson"))
    _flush_folder(part.parent)


def _write_parquet(part: Path, target: Path) -> None:
    # Heavy, and an extra that only those have installed who want it.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    lines = part.read_bytes().splitlines()
    found = [msgspec.json.decode(line) for line in lines]
    columns: dict[str, list[str | None]] = {
        name: [_text(message.get(name)) for message in found] for name in _COLUMNS
    }
    columns["message"] = [line.decode() for line in lines]
    schema = pa.schema([(name, pa.string()) for name in columns])
    unfinished = target.with_suffix(".parquet.part")
    pq.write_table(pa.table(columns, schema=schema), unfinished, compression="zstd")
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.rename(target)
    Log("forward").info("forward.parquet_written", messages=len(lines))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
