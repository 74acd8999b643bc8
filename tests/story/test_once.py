"""``firstparty demo --once``: the story's own verdict as an exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import REPOSITORY


def _demo(state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "firstparty", "demo", "--state", str(state), "--once", *options],
        capture_output=True,
        text=True,
        timeout=280,  # a busy machine takes its time
        cwd=REPOSITORY,
        check=False,
    )


def test_once_leaves_with_0_when_all_of_it_came_true(tmp_path: Path) -> None:
    told = _demo(tmp_path / "demo")

    assert told.returncode == 0, told.stdout + told.stderr
    assert "arrived upstream" in told.stdout


@pytest.mark.needs("pebble")
def test_the_certificate_can_come_from_a_real_acme_server(tmp_path: Path) -> None:
    told = _demo(tmp_path / "demo", "--ca", "pebble")

    assert told.returncode == 0, told.stdout + told.stderr


def test_a_state_directory_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    told = _demo(tmp_path)

    assert told.returncode == 1
    assert "not a demo" in told.stderr
    assert (tmp_path / "thesis.txt").read_text() == "precious"
