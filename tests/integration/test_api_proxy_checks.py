"""POST /api/v1/proxy-checks: who may, what it answers, and that it never goes inside."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from firstparty.api.proxy_checks import MAX_AT_ONCE
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


def test_results_come_as_events_and_the_verdict_last(call: httpx.Client) -> None:
    port = free_ports(1)[0]
    asked = {"cdn": f"https://127.0.0.1:{port}", "api": "https://[::1]"}
    with call.stream("POST", "/proxy-checks/events", json=asked) as answer:
        text = b"".join(answer.iter_raw()).decode()
    events = [one.partition("\ndata: ") for one in text.strip().split("\n\n")]
    kinds = [head.removeprefix("event: ") for head, _, _ in events]
    found = {one["check"]: one for one in map(json.loads, (data for _, _, data in events[:-1]))}

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert kinds == ["result"] * (len(kinds) - 1) + ["verdict"]
    assert found["cdn.dns"]["cause"] == "private-address"
    assert json.loads(events[-1][2]) == {"status": "fail"}


def test_the_few_places_are_given_back(call: httpx.Client) -> None:
    asked = {"cdn": f"https://127.0.0.1:{free_ports(1)[0]}"}
    paths = ("/proxy-checks", "/proxy-checks/events") * (MAX_AT_ONCE + 1)
    answers = [call.post(path, json=asked).status_code for path in paths]

    assert set(answers) == {200}


@pytest.mark.parametrize("path", ["/proxy-checks", "/proxy-checks/events"])
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
    call: httpx.Client, path: str, asked: dict[str, Any], status: int, field: str | None
) -> None:
    answer = call.post(path, json=asked)

    assert answer.status_code == status
    assert [one["field"] for one in answer.json()["errors"]] == ([field] if field else [])
