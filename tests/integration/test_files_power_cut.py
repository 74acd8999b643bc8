"""The power goes while files are written: every acknowledged row is in a file, and none is half."""

import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.loop_disk import LoopDisk, loop_disk
from tests.files_rig import Writer, a_writer, complete_files, end_parts, need_parquet
from tests.ingest_role import eventually

pytestmark = pytest.mark.optional_toolchain  # a container may not mount, nor trace
KINDS = ("files:ndjson", "files:parquet")
CUTS = 5


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, megabytes=64) as disk:
        yield disk


@contextlib.asynccontextmanager
async def writing(
    disk: LoopDisk, kind: str, *, calls: str = "", fault: str = ""
) -> AsyncIterator[Writer]:
    """One who writes files on the disk; with a fault in these system calls (strace(1), inject)."""
    trace = ("-e", f"trace={calls}", "-e", f"inject={calls}:{fault}")
    strace = ("strace", "-f", "-o", str(trace_of(disk)), *trace)
    writer = await a_writer(disk.path, kind, under=strace if fault else ())
    try:
        yield writer
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(writer.pid, signal.SIGKILL)
        await writer.process.wait()


def trace_of(disk: LoopDisk) -> Path:
    return disk.image.with_suffix(".strace")


async def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    status = Path(f"/proc/{pid}/stat")
    await eventually(lambda: status.read_text().rpartition(")")[2].split()[0] == "T")


async def until_stopped(trace: Path) -> None:
    """Return when who is traced was stopped; the system says so of it all the time."""
    await eventually(lambda: "stopped by SIGSTOP" in trace.read_text())


async def found_after_cut(disk: LoopDisk, kind: str) -> list[str]:
    """The rows that a new start makes of the disk after a cut; fails where a file is half.

    Or where one is other than it was: whoever reads a file that has its final name, reads all that
    will ever be in it.
    """
    before = complete_files(disk.path / "src_1")
    cut = disk.after_power_cut()
    folder = cut.path / "src_1"
    complete_files(folder)
    await end_parts(cut.path, kind)
    after = complete_files(folder)

    assert {name: after.get(name) for name in before} == before
    assert not list(folder.glob("*.part"))
    cut.forget()
    return [row for rows in after.values() for row in rows if row != "the last"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_acknowledged_before_a_power_cut_is_in_whole_files(
    disk: LoopDisk, kind: str
) -> None:
    need_parquet(kind)
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    acknowledged: list[str] = []
    async with writing(disk, kind) as writer:
        for _ in range(CUTS):
            acknowledged += await writer.acknowledge(chance.randrange(20, 200))
            await stop(writer.pid)
            found = await found_after_cut(disk, kind)
            os.kill(writer.pid, signal.SIGCONT)

            assert set(acknowledged) <= set(found)
            assert len(found) == len(set(found))


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("kind", "call"),
    [
        *((kind, call) for kind in KINDS for call in ("?rename,?renameat,?renameat2", "fsync")),
        ("files:parquet", "?unlink,?unlinkat"),
    ],
)
async def test_a_power_cut_within_a_rotation_leaves_no_half_file(
    disk: LoopDisk, kind: str, call: str
) -> None:
    need_parquet(kind)
    async with writing(disk, kind, calls=call, fault="signal=SIGSTOP:when=7") as writer:
        await until_stopped(trace_of(disk))
        found = await found_after_cut(disk, kind)
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = await writer.rest()

    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.needs("strace")
@pytest.mark.parametrize("kind", KINDS)
async def test_rows_whose_flush_failed_are_in_one_whole_file_later(
    disk: LoopDisk, kind: str
) -> None:
    need_parquet(kind)
    async with writing(disk, kind, calls="fsync", fault="error=EIO:when=5+7") as writer:
        acknowledged = await writer.acknowledge(200)
        os.kill(writer.pid, signal.SIGSTOP)
        await until_stopped(trace_of(disk))
        found = await found_after_cut(disk, kind)
        os.kill(writer.pid, signal.SIGKILL)

    assert "EIO" in trace_of(disk).read_text()
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.needs("strace")
@pytest.mark.parametrize("when", [4, 6, 9])
@pytest.mark.parametrize("kind", KINDS)
async def test_rows_that_a_killed_writer_left_are_flushed_before_their_file_is_ended(
    disk: LoopDisk, kind: str, when: int
) -> None:
    need_parquet(kind)
    async with writing(
        disk, kind, calls="fsync", fault=f"signal=SIGKILL:retval=0:when={when}"
    ) as writer:
        acknowledged = await writer.rest()
    await end_parts(disk.path, kind)
    found = await found_after_cut(disk, kind)

    assert acknowledged
    assert set(acknowledged) <= set(found)


@pytest.mark.needs("strace")
@pytest.mark.parametrize("kind", KINDS)
async def test_control_without_flushes_acknowledged_rows_are_lost(
    disk: LoopDisk, kind: str
) -> None:
    need_parquet(kind)
    async with writing(disk, kind, calls="fsync", fault="retval=0") as writer:
        acknowledged = await writer.acknowledge(200)
        os.kill(writer.pid, signal.SIGKILL)
        await writer.process.wait()
        cut = disk.after_power_cut()
        folder = cut.path / "src_1"
        rows = complete_files(folder) if folder.exists() else {}
        found = {row for some in rows.values() for row in some}

    assert set(acknowledged) - found
