"""kill -9 of who writes files: none is half, none changes, no acknowledged row is lost."""

import random
from pathlib import Path

import pytest

from tests.files_rig import a_writer, complete_files, end_parts, need_parquet

KILLS = 8


async def write_until_killed(
    folder: Path, kind: str, acknowledged: list[str], chance: random.Random
) -> None:
    writer = await a_writer(folder, kind, start=len(acknowledged))
    said = await writer.acknowledge(chance.randrange(20, 200))
    writer.process.kill()
    acknowledged += said + await writer.rest()
    await writer.process.wait()


@pytest.mark.parametrize("kind", ["files:ndjson", "files:parquet"])
async def test_no_file_is_half_and_no_acknowledged_row_is_lost(tmp_path: Path, kind: str) -> None:
    need_parquet(kind)
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
