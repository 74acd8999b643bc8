"""The story once more, with the control database in a real PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from firstparty.model.status import ProbeStatus
from firstparty.store import tables
from firstparty.store.engine import Store
from tests.postgres import running_postgres
from tests.running import REPOSITORY

pytestmark = pytest.mark.needs("initdb")


@pytest.fixture
def url() -> Iterator[str]:
    with running_postgres() as made:
        yield made


def names_passed(url: str) -> set[str]:
    """The names of the domains whose probes have passed, as the database has them."""
    store = Store(url)
    with store.read() as connection:
        names = connection.execute(
            select(tables.domains.c.name)
            .join(tables.statuses, tables.statuses.c.domain_id == tables.domains.c.id)
            .where(tables.statuses.c.probe == ProbeStatus.PASSED)
        ).scalars()
        found = set(names)
    store.close()
    return found


@pytest.mark.timeout(300)
def test_the_whole_story_comes_true_on_postgresql(url: str, tmp_path: Path) -> None:
    state = tmp_path / "demo"
    told = subprocess.run(
        [sys.executable, "-m", "firstparty", "demo", "--state", str(state), "--once"],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=REPOSITORY,
        check=False,
        env={**os.environ, "FIRSTPARTY__STORE__URL": url},
    )

    assert told.returncode == 0, told.stdout + told.stderr
    assert "arrived upstream" in told.stdout
    assert "cdp.shop.test" in names_passed(url)
    assert not list(state.glob("*.db"))
