"""Who writes files of messages in a process of its own, and what is found in them."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from firstparty.forward.files import FileUpstream
from firstparty.model.feed import EdgeSource
from tests.builders import NOW

# Says each message's id once it was acknowledged. Files are small, so that many are ended.
_WRITER = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from firstparty.forward.files import FileUpstream
from firstparty.model.feed import EdgeSource

async def main(folder, kind, start):
    files = FileUpstream(Path(folder), max_bytes=2_000)
    source = EdgeSource(
        id="src_1", number=1, type="python", write_key="WK", alias="a/b", upstream=kind
    )
    number = int(start)
    print(os.getpid(), flush=True)
    while True:
        ids = [f"{number + place}" for place in range(5)]
        texts = [b'{"messageId":"%b","filler":"%b"}' % (i.encode(), b"x" * 100) for i in ids]
        while (await files.send(source, texts, sent_at=datetime.now(UTC))).status != 200:
            pass
        print(*ids, sep="\\n", flush=True)
        number += 5

asyncio.run(main(*sys.argv[1:]))
"""


class Writer:
    """One that writes; ``pid`` is its own, whatever runs it."""

    def __init__(self, process: asyncio.subprocess.Process, pid: int) -> None:
        assert process.stdout is not None
        self.process, self.pid, self._said = process, pid, process.stdout

    async def acknowledge(self, count: int) -> list[str]:
        """The ids of the next so many messages that were acknowledged."""
        async with asyncio.timeout(60):
            return [(await self._said.readline()).decode().rstrip("\n") for _ in range(count)]

    async def rest(self) -> list[str]:
        """Those that were acknowledged and not asked for yet, once it has ended."""
        text = await self._said.read()
        return text.decode().split("\n")[:-1]


async def a_writer(
    folder: Path, kind: str, *, start: int = 0, under: tuple[str, ...] = ()
) -> Writer:
    """Start one, ``under`` another program if wanted; who starts it, ends it."""
    process = await asyncio.create_subprocess_exec(
        *(*under, sys.executable, "-c", _WRITER, str(folder), kind, str(start)),
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        pid = int(await process.stdout.readline())
    return Writer(process, pid)


def need_parquet(kind: str) -> None:
    if kind == "files:parquet":
        pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")


def rows_of(file: Path) -> list[str]:
    """The ids in a file that is complete; raises where it is not."""
    if file.suffix == ".parquet":
        rows = pytest.importorskip("pyarrow.parquet").read_table(file).to_pylist()
        return [row["messageId"] for row in rows]
    text = file.read_text()
    assert text.endswith("\n"), file.name
    return [json.loads(line)["messageId"] for line in text.splitlines()]


def complete_files(folder: Path) -> dict[str, list[str]]:
    """The ids in each file that has its final name."""
    return {
        file.name: rows_of(file)
        for file in sorted(folder.iterdir())
        if not file.name.endswith(".part")
    }


async def end_parts(folder: Path, kind: str) -> None:
    """What the next start does with what was left, and a stop with what is open."""
    files = FileUpstream(folder)
    source = EdgeSource(
        id="src_1", number=1, type="python", write_key="WK", alias="a/b", upstream=kind
    )
    await files.send(source, [b'{"messageId":"the last"}'], sent_at=NOW)
    await files.close()
