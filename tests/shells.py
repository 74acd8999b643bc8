"""The real command line as a process of its own, against the API on a real socket.

A file takes the fixtures by name: ``shell, source = shells.shell, shells.source``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firstparty.model.status import Statuses
from firstparty.store import work
from tests.served import Served, serve_api


@dataclass(frozen=True)
class Shell:
    served: Served
    environment: dict[str, str]

    def run(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Standard output of a command that must leave with ``code``; stderr where it fails."""
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(timeout=60)

        assert process.returncode == code, output + errors
        assert "Traceback" not in output + errors
        return output if code in {0, 2} else output + errors

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "firstparty", *arguments],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def observe(self, domain_id: str, statuses: Statuses) -> None:
        """Write what a reconciler would have seen."""
        now = datetime.now(UTC)
        with self.served.store.write() as connection:
            work.wake(connection, domain_id, now=now)
            [lease] = work.lease_due(connection, now=now, lease=timedelta(minutes=1), limit=1)
            seen = work.load_observation(connection, domain_id)
            work.save_observation(connection, lease, replace(seen, statuses=statuses), due_at=None)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with serve_api(tmp_path) as served:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FIRSTPARTY_") and name != "COLUMNS"
        }
        yield Shell(
            served,
            environment
            | {
                "PYTHONPATH": os.pathsep.join(sys.path),
                "XDG_CONFIG_HOME": str(tmp_path),
                "FIRSTPARTY_URL": served.url,
                "FIRSTPARTY_TOKEN": served.bearer,
            },
        )


@pytest.fixture
def source(shell: Shell) -> str:
    shell.run("workspaces", "add", "Shop")
    return str(shell.json("sources", "add", "Web shop", "--type", "javascript")["id"])
