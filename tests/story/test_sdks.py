"""Real SDKs through the HTTPS edge: all six message types, ids exact."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import REPOSITORY, RunningDemo, until

SDK = Path(__file__).parents[1] / "sdk"
TYPES = {"identify", "track", "page", "screen", "group", "alias"}


def _run(command: list[str], environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        cwd=REPOSITORY,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    ids: list[str] = json.loads(done.stdout)
    return ids


def _assert_arrived(demo: RunningDemo, ids: list[str], write_key: str) -> None:
    until(lambda: set(ids) <= demo.received_ids())
    lines = [line for line in demo.received() if line["message"]["messageId"] in ids]

    assert sorted(line["message"]["messageId"] for line in lines) == sorted(ids)
    assert {line["message"]["type"] for line in lines} == TYPES
    assert {line["write_key"] for line in lines} == {write_key}


@pytest.mark.parametrize("encoding", ["plain", "gzip"])
def test_the_python_sdk_works_unchanged(demo: RunningDemo, encoding: str) -> None:
    write_key = demo.source("python")["write_key"]
    ids = _run(
        [sys.executable, str(SDK / "python_client.py"), write_key, demo.api_origin, encoding],
        {"REQUESTS_CA_BUNDLE": demo.ca},
    )

    _assert_arrived(demo, ids, write_key)


@pytest.mark.needs("node")
def test_the_node_sdk_works_unchanged(demo: RunningDemo) -> None:
    version = subprocess.run(["node", "--version"], capture_output=True, check=True).stdout
    if int(version.decode().lstrip("v").partition(".")[0]) < 20:
        pytest.skip(f"the Node SDK needs Node 20; this is {version.decode().strip()}")
    write_key = demo.source("node")["write_key"]
    ids = _run(
        [str(shutil.which("node")), str(SDK / "node_client.cjs"), write_key, demo.api_origin],
        {"NODE_EXTRA_CA_CERTS": demo.ca, "NODE_PATH": str(REPOSITORY / "node_modules")},
    )

    _assert_arrived(demo, ids, write_key)
