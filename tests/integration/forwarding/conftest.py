"""What the tests of the way from the log to an upstream have in common."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.forward_rig import a_forwarding, an_upstream
from tests.forwarding import Forwarding, OutsideUpstream


@pytest.fixture
async def forwarding(tmp_path: Path) -> AsyncIterator[Forwarding]:
    async with a_forwarding(tmp_path) as forwarding:
        yield forwarding


@pytest.fixture
async def upstream(tmp_path: Path) -> AsyncIterator[OutsideUpstream]:
    async with an_upstream(tmp_path / "a.ndjson") as upstream:
        yield upstream


@pytest.fixture
async def other_upstream(tmp_path: Path) -> AsyncIterator[OutsideUpstream]:
    async with an_upstream(tmp_path / "b.ndjson") as upstream:
        yield upstream
