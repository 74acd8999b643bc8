"""kill -9 of who writes files: none is half, none changes, no acknowledged row is lost."""

import asyncio
import json
import random
import sys
from pathlib import Path

import pytest

from firstparty.forward.files import FileUpstream
from firstparty.model.feed import EdgeSource
from tests.builders import NOW

KILLS = 8
# Says each message's id once it was acknowledged. Files are small, so that many are ended.
_WRITER = """
import asyncio, sys
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
    while True:
        ids = [f"{number + place}" for place in range(5)]
        texts = [b'{"messageId":"%b","filler":"%b"}' % (i.encode(), b"x" * 100) for i in ids]
        answer = await files.send(source, texts, sent_at=datetime.now(UTC))
        assert answer.status == 200, answer
        print(*ids, sep="\\n", flush=True)
        number += 5

asyncio.run(main(*sys.argv[1:]))
"""


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


async def write_until_killed(
    folder: Path, kind: str, acknowledged: list[str], chance: random.Random
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WRITER, str(folder), kind, str(len(acknowledged))),
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said = [await process.stdout.readline() for _ in range(chance.randrange(20, 200))]
    process.kill()
    text = b"".join(said) + await process.stdout.read()
    await process.wait()
    acknowledged += text.decode().split("\n")[:-1]


async def end_parts(folder: Path, kind: str) -> None:
    """What the next start does with what was left, and a stop with what is open."""
    files = FileUpstream(folder)
    source = EdgeSource(
        id="src_1", number=1, type="python", write_key="WK", alias="a/b", upstream=kind
    )
    await files.send(source, [b'{"messageId":"the last"}'], sent_at=NOW)
    await files.close()


@pytest.mark.parametrize("kind", ["files:ndjson", "files:parquet"])
async def test_no_file_is_half_and_no_acknowledged_row_is_lost(tmp_path: Path, kind: str) -> None:
    if kind == "files:parquet":
        pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    acknowledged: list[str] = []
    seen: dict[str, list[str]] = {}
    for _ in range(KILLS):
        await write_until_killed(tmp_path, kind, acknowledged, chance)
        files = complete_files(tmp_path / "src_1")

        # What was complete before is there still, as it was.
        assert {name: files.get(name) for name in seen} == seen
        seen = files
    await end_parts(tmp_path, kind)
    found = {row for rows in complete_files(tmp_path / "src_1").values() for row in rows}

    assert len(seen) > KILLS
    assert set(acknowledged) <= found
    assert not list((tmp_path / "src_1").glob("*.part"))


def test_control_a_half_file_and_a_lost_row_are_found(tmp_path: Path) -> None:
    whole = '{"messageId":"1"}\n{"messageId":"2"}\n'
    (tmp_path / "a.ndjson").write_text(whole)
    before = complete_files(tmp_path)
    (tmp_path / "a.ndjson").write_text(whole[:-18])
    after = complete_files(tmp_path)
    (tmp_path / "b.ndjson").write_text(whole[:-3])

    assert before != after
    with pytest.raises(AssertionError, match=r"b\.ndjson"):
        complete_files(tmp_path)
