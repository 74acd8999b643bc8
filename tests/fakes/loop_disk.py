"""A small ext4 filesystem of its own in an image file: to fill, and to cut the power of.

What is only in the page cache of the mounted filesystem is not in the image: so a copy of the
image, mounted, is the disk as a power cut would leave it (its journal is replayed by mounting).
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

# Otherwise ext4 writes its journal every five seconds, whether anybody asked for it or not.
_OPTIONS = "loop,commit=300"


@contextlib.contextmanager
def loop_disk(folder: Path, *, megabytes: int) -> Iterator["LoopDisk"]:
    """An empty filesystem; skips the test where none can be mounted."""
    if shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
        pytest.skip("mkfs.ext4 is not installed (Debian: e2fsprogs)")
    image = folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(megabytes * 1024**2)
    # No reserved blocks: root, too, must find the disk full.
    _run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))
    disk = LoopDisk(image=image, path=folder / "disk")
    try:
        disk.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop mount here: {error.stderr.decode(errors='replace').strip()}")
    with contextlib.ExitStack() as stack:
        stack.callback(disk.unmount)
        disk.stack = stack
        yield disk


class LoopDisk:
    """An image and where it is mounted."""

    def __init__(self, *, image: Path, path: Path) -> None:
        self.image, self.path = image, path
        self.stack: contextlib.ExitStack | None = None

    def mount(self) -> None:
        self.path.mkdir()
        _run("mount", "-o", _OPTIONS, str(self.image), str(self.path))

    def unmount(self) -> None:
        # Lazily: a process that is just being killed may still have a file open there.
        _run("umount", "--lazy", str(self.path))

    def after_power_cut(self) -> "LoopDisk":
        """The disk as it would be found if the power went now: whoever writes must be stopped."""
        image = self.image.with_suffix(".cut.img")
        _run("cp", "--sparse=always", str(self.image), str(image))
        cut = LoopDisk(image=image, path=self.path.with_suffix(".cut"))
        cut.mount()
        assert self.stack is not None
        self.stack.callback(cut.forget)
        return cut

    def forget(self) -> None:
        """Take a cut disk away, so that there may be another one; a second time does nothing."""
        if self.image.exists():
            self.unmount()
            self.path.rmdir()
            self.image.unlink()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
