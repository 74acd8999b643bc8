"""POST /api/v1/proxy-checks: who may, what it answers, and that it never goes inside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.ports import free_ports
from tests.served import Served, serve_api


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_api(Path(tmp_path_factory.mktemp("api"))) as served:
        yield served


@pytest.fixture(scope="module")
def call(served: Served) -> Iterator[httpx.Client]:
    with served.call() as client:
        client.post("/workspaces", json={"name": "Shop"})
        yield client


def test_a_private_address_is_a_result_and_nothing_is_asked_there(call: httpx.Client) -> None:
    port = free_ports(1)[0]
    source = call.post("/sources", json={"name": "Web", "type": "javascript"}).json()["id"]
    asked = {"cdn": f"https://127.0.0.1:{port}", "api": "https://[::1]", "source_id": source}
    answer = call.post("/proxy-checks", json=asked)
    found = {one["check"]: one for one in answer.json()["results"]}

    assert answer.status_code == 200
    assert answer.json()["status"] == "fail"
    assert {one["cause"] for one in found.values()} == {"private-address", None}
    assert found["cdn.dns"]["cause"] == found["api.dns"]["cause"] == "private-address"
    assert "not a public one" in found["api.dns"]["answer"]
    assert found["api.message"]["status"] == "skip"


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({"cdn": "http://127.0.0.1"}, 422, "cdn"),
        ({"cdn": "https://127.1"}, 422, "cdn"),
        ({"cdn": "https://127.0.0.1", "api": "https://a b"}, 422, "api"),
        ({"cdn": "https://127.0.0.1", "provider": "abacus"}, 422, "provider"),
        ({"cdn": "https://127.0.0.1", "allow_private": True}, 422, "allow_private"),
        ({"cdn": "https://127.0.0.1", "source_id": "src_nothing"}, 404, None),
    ],
)
def test_what_cannot_be_checked_is_a_problem(
    call: httpx.Client, asked: dict[str, Any], status: int, field: str | None
) -> None:
    answer = call.post("/proxy-checks", json=asked)

    assert answer.status_code == status
    assert [one["field"] for one in answer.json()["errors"]] == ([field] if field else [])
