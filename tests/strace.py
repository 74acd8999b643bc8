"""System calls of a running process that fail, or take long, by strace(1)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest


@contextlib.asynccontextmanager
async def every_call(
    name: str, fault: str, *, of: int, on: Path | None = None
) -> AsyncIterator[None]:
    """Until the end of the block each such call of process ``of`` has this fault (strace, inject).

    With ``on``, only those on this file.
    """
    files = () if on is None else ("-P", str(on))
    strace = await asyncio.create_subprocess_exec(
        *("strace", "-f", "-p", str(of), "-o", "/dev/null", *files),
        *("-e", f"trace={name}", "-e", f"inject={name}:{fault}"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert strace.stderr is not None
    try:
        said = await strace.stderr.readline()
        while b"Requested path" in said:  # that a path is not in its shortest form
            said = await strace.stderr.readline()
        if b"attached" not in said:
            pytest.skip(f"strace cannot attach here: {said.decode().strip()}")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            strace.terminate()
        await strace.communicate()
