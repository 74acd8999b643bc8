"""The doctor over REST and on the command line; what it finds of the demo is in the story."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from firstparty.model.workspaces import Role
from tests.served import Served, serve_api


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_api(Path(tmp_path_factory.mktemp("api"))) as served:
        yield served


@pytest.fixture
def call(served: Served) -> Iterator[httpx.Client]:
    with served.call() as client:
        yield client


def events_of(answer: httpx.Response) -> list[tuple[str, dict[str, str]]]:
    blocks = [block.splitlines() for block in answer.text.strip().split("\n\n")]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in blocks
    ]


def add_domain(call: httpx.Client, name: str) -> tuple[str, str]:
    home = call.post("/workspaces", json={"name": "Shop"}).json()["id"]
    web = {"workspace_id": home, "name": "Web", "type": "javascript"}
    source = call.post("/sources", json=web).json()["id"]
    asked = {"workspace_id": home, "name": name, "source_ids": [source]}
    return home, str(call.post("/domains", json=asked).json()["id"])


def test_results_come_as_events_and_the_last_is_the_word(call: httpx.Client) -> None:
    _, domain = add_domain(call, "cdp.doctor.com")
    answer = call.get(f"/domains/{domain}/doctor")
    with_message = call.get(f"/domains/{domain}/doctor", params={"message": "true"})

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in events_of(answer)] == ["result", "done"]
    assert events_of(answer)[-1] == ("done", {"status": "pass"})
    assert events_of(with_message)[-1] == ("done", {"status": "warn"})
    assert "Look again." in with_message.text


def test_a_viewer_looks_but_sends_nothing(served: Served, call: httpx.Client) -> None:
    home, domain = add_domain(call, "cdp.viewer.com")
    with served.call(served.token(Role.VIEWER, home)) as viewer:
        looks = viewer.get(f"/domains/{domain}/doctor")
        sends = viewer.get(f"/domains/{domain}/doctor", params={"message": "true"})
        asks = viewer.get("/doctor", params={"url": "https://www.shop.com/"})

    assert (looks.status_code, sends.status_code, asks.status_code) == (200, 403, 403)


def test_what_is_no_address_is_refused_before_anything_is_looked_at(call: httpx.Client) -> None:
    home, _ = add_domain(call, "cdp.address.com")
    wrong = call.get("/doctor", params={"url": "nonsense", "workspace": home})
    right = call.get("/doctor", params={"url": "https://www.shop.com/", "workspace": home})

    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "url")
    assert right.status_code == 200
