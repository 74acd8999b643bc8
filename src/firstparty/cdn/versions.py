"""How versions of Analytics.js are compared, and how their files are written."""

import os
import re
from pathlib import Path


def order_of(version: str) -> tuple[tuple[int, ...], bool]:
    """What versions are compared by: their numbers, and a release after its own pre-releases."""
    numbers, _, more = version.partition("-")
    return tuple(int(one) for one in re.findall(r"[0-9]+", numbers)), not more


def replace_file(path: Path, content: bytes) -> None:
    """Write so that a crash leaves the old file or the new one, never a torn one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
