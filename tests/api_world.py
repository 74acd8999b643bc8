"""A served API for a test file, a workspace in it, and an operator's client.

A file takes the fixtures by name: ``served, workspace, call = api_world.served, …``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from firstparty.config.settings import EdgeSettings, Settings
from tests.served import Served, serve_api

SETTINGS = Settings(edge=EdgeSettings(https="127.0.0.1:8443"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_api(Path(tmp_path_factory.mktemp("api")), SETTINGS) as served:
        yield served


@pytest.fixture
def workspace(served: Served) -> str:
    with served.call() as call:
        return str(call.post("/workspaces", json={"name": "Shop"}).json()["id"])


@pytest.fixture
def call(served: Served) -> Iterator[httpx.Client]:
    with served.call() as client:
        yield client


def add_source(call: httpx.Client, workspace: str, **parts: Any) -> dict[str, Any]:
    good = {"workspace_id": workspace, "name": "Web shop", "type": "javascript"}
    answer = call.post("/sources", json=good | parts)
    assert answer.status_code == 201, answer.text
    source: dict[str, Any] = answer.json()
    return source
