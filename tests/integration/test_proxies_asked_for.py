"""A proxy asked for over REST and on the command line, by the owner of a source."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.served import Served, serve_api

HOSTS = {"cdn_host": "evs.shop.com", "api_host": "api.shop.com"}
OPTIONS = ("--cdn-host", "evs.shop.com", "--api-host", "api.shop.com")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_api(Path(tmp_path_factory.mktemp("api"))) as served:
        yield served


@pytest.fixture
def call(served: Served) -> Iterator[httpx.Client]:
    with served.call() as client:
        yield client


def add_source(call: httpx.Client, **parts: Any) -> str:
    workspace = call.post("/workspaces", json={"name": "Shop"}).json()["id"]
    body = {"workspace_id": workspace, "name": "Web shop", "type": "javascript"}
    answer = call.post("/sources", json=body | parts)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_an_owner_on_segment_gets_a_proxy_of_the_sources_region(call: httpx.Client) -> None:
    settings = {"integrations": {"FullStory": {"type": "browser"}}}
    source = add_source(
        call, region="eu", upstream="https://events.eu1.segmentapis.com", settings=settings
    )
    answer = call.get(f"/sources/{source}/proxy", params={"provider": "nginx"} | HOSTS)
    made = answer.json()

    assert answer.status_code == 200
    assert made["cdn_upstream"] == "https://cdn.segment.com"
    assert made["api_upstream"] == "https://events.eu1.segmentapis.com"
    assert "events.eu1.segmentapis.com" in made["files"][0]["text"]
    assert {record["name"] for record in made["records"]} == {"evs.shop.com.", "api.shop.com."}
    assert made["api_base"] == "api.shop.com/v1"
    assert made["device_mode"] == ["FullStory"]
    [html, npm] = made["pastes"]
    assert '"apiHost": "api.shop.com/v1"' in html["code"]
    assert "https://evs.shop.com" in html["code"]
    assert "https://evs.shop.com" in npm["code"]


def test_without_caching_the_files_say_nothing_of_a_cache(call: httpx.Client) -> None:
    source = add_source(call)
    asked = {"provider": "nginx", "caching": "false"} | HOSTS
    made = call.get(f"/sources/{source}/proxy", params=asked).json()

    assert "proxy_cache" not in made["files"][0]["text"]


def test_for_another_upstream_the_proxy_leads_to_the_sources_domain(call: httpx.Client) -> None:
    source = add_source(call, upstream="https://events.example.com")
    asked = {"provider": "nginx"} | HOSTS
    without = call.get(f"/sources/{source}/proxy", params=asked)
    workspace = call.get(f"/sources/{source}").json()["workspace_id"]
    domain = {"workspace_id": workspace, "name": "cdp.other.com", "source_ids": [source]}
    assert call.post("/domains", json=domain).status_code == 201
    made = call.get(f"/sources/{source}/proxy", params=asked).json()

    assert without.status_code == 422
    assert without.json()["code"] == "proxy-without-origin"
    assert made["cdn_upstream"].startswith("https://evs.cdp.other.com")
    assert made["api_upstream"].startswith("https://api.cdp.other.com")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"provider": "iis"}, "unknown-provider"),
        ({"cdn_host": "https://evs.shop.com"}, "proxy-host-invalid"),
        ({"api_host": "api.shop.com;}"}, "proxy-host-invalid"),
        ({"api_host": "api.segment.io"}, "proxy-of-itself"),
    ],
)
def test_what_cannot_be_a_proxy_is_refused(
    call: httpx.Client, changed: dict[str, str], code: str
) -> None:
    source = add_source(call)
    asked = {"provider": "nginx"} | HOSTS | changed
    answer = call.get(f"/sources/{source}/proxy", params=asked)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_the_command_writes_the_files_and_says_the_rest(
    served: Served, call: httpx.Client, tmp_path: Path
) -> None:
    command = ("proxy", "generate", "caddy", "--source", add_source(call), *OPTIONS)
    shown = run(served, tmp_path, *command)
    written = run(served, tmp_path, *command, "--output", str(tmp_path / "proxy"))

    assert "reverse_proxy https://cdn.segment.com {" in shown.stdout
    assert shown.stdout == (tmp_path / "proxy" / "Caddyfile").read_text()
    assert "curl -sSi https://api.shop.com/v1/track" in shown.stderr
    assert "reverse_proxy" not in written.stdout
    assert "evs.shop.com. IN CNAME" in written.stdout
    assert "curl -sSi https://api.shop.com/v1/track" in written.stdout


def test_a_file_that_was_changed_is_never_overwritten(
    served: Served, call: httpx.Client, tmp_path: Path
) -> None:
    command = ("proxy", "generate", "caddy", "--source", add_source(call), *OPTIONS)
    (tmp_path / "Caddyfile").write_text("mine")
    failed = run(served, tmp_path, *command, "--output", str(tmp_path))

    assert failed.returncode == 1
    assert "is there already" in failed.stderr
    assert (tmp_path / "Caddyfile").read_text() == "mine"


def run(served: Served, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "firstparty", *arguments],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "XDG_CONFIG_HOME": str(home),
            "FIRSTPARTY_URL": served.url,
            "FIRSTPARTY_TOKEN": served.bearer,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
