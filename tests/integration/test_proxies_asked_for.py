"""A proxy asked for over REST and on the command line, by the owner of a source."""

import json
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


def test_for_another_upstream_the_proxy_leads_to_the_default_hosts(call: httpx.Client) -> None:
    source = add_source(call, upstream="https://events.example.com")
    made = call.get(f"/sources/{source}/proxy", params={"provider": "nginx"} | HOSTS).json()

    assert made["cdn_upstream"] == "https://cdn.firstparty.localhost"
    assert made["api_upstream"] == "https://api.firstparty.localhost"
    assert made["mails"] == []
    # Our settings are switched by us: a page that names the API itself could not be restored.
    assert "apiHost" not in made["pastes"][0]["code"]


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


def test_segments_own_endpoints_need_no_source(call: httpx.Client) -> None:
    asked = {"provider": "nginx", "region": "eu", "cdn_host": "e.shop.com", "write_key": "k1"}
    answer = call.get("/proxies", params=asked)
    made = answer.json()

    assert answer.status_code == 200
    assert made["api_upstream"] == "https://events.eu1.segmentapis.com"
    assert [record["name"] for record in made["records"]] == ["e.shop.com."]
    assert made["api_base"] == "e.shop.com/v1"
    assert [paste["format"] for paste in made["pastes"]] == ["html", "npm", "python", "node"]
    assert all('"k1"' in paste["code"] for paste in made["pastes"])


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"region": "mars"}, "region"),
        ({"write_key": "a b"}, "write_key"),
        ({"cdn_host": "x"}, "cdn_host"),
    ],
)
def test_of_segments_own_endpoints_too_what_cannot_be_is_refused(
    call: httpx.Client, changed: dict[str, str], field: str
) -> None:
    asked = {"provider": "nginx", "region": "us", "cdn_host": "e.shop.com"} | changed
    answer = call.get("/proxies", params=asked)

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("region", ["us", "eu"])
def test_the_command_needs_no_product_for_segments_own_endpoints(
    tmp_path: Path, region: str
) -> None:
    command = ("proxy", "generate", "caddy", "--region", region, "--cdn-host", "e.shop.com")
    shown = run_alone(tmp_path, *command)
    made = json.loads(run_alone(tmp_path, *command, "--write-key", "k1", "--json").stdout)

    assert f"reverse_proxy {made['api_upstream']} {{" in shown.stdout
    assert "projects/WRITE_KEY/settings" in shown.stderr
    assert "projects/k1/settings" in made["proof"][0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--region", "mars"), "us or eu"),
        (("--region", "us", "--source", "src_1"), "--source or --region"),
        ((), "--source or --region"),
        (("--region", "us", "--write-key", "a b"), "--write-key"),
        (("--source", "src_1", "--write-key", "k1"), "--write-key"),
        (("--region", "us", "--api-host", "api.segment.io"), "--api-host"),
    ],
)
def test_a_wrong_command_line_is_64_with_the_reason(
    tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    failed = run_alone(tmp_path, "proxy", "generate", "caddy", "--cdn-host", "e.shop.com", *options)

    assert (failed.returncode, told in failed.stderr) == (64, True), failed.stderr


def test_the_email_to_segments_support_is_filled_in(call: httpx.Client) -> None:
    page = "https://app.segment.com/shop/sources/web"
    asked = {"provider": "nginx", **HOSTS, "source_url": page, "segment_source_id": "aB3dE5"}
    made = call.get(f"/sources/{add_source(call)}/proxy", params=asked).json()
    enable, restore = made["mails"]

    assert (enable["purpose"], restore["purpose"]) == ("enable", "restore")
    assert f"Source URL: {page}\nSource ID: aB3dE5\n" in enable["body"]
    assert "apiHost): api.shop.com/v1\n" in enable["body"]
    assert "apiHost): api.segment.io/v1\n" in restore["body"]


def test_what_nobody_said_stands_in_the_email_in_capitals(tmp_path: Path) -> None:
    command = ("proxy", "generate", "caddy", "--region", "eu", "--cdn-host", "e.shop.com")
    shown = run_alone(tmp_path, *command)
    known = run_alone(tmp_path, *command, "--segment-source-id", "aB3dE5")
    wrong = run_alone(tmp_path, *command, "--source-url", "a b")

    assert "Source ID: SOURCE_ID" in shown.stderr
    assert "Source ID: aB3dE5" in known.stderr
    assert (wrong.returncode, "--source-url" in wrong.stderr) == (64, True)


def test_a_proxy_is_a_domain_like_any_other(call: httpx.Client) -> None:
    source = add_source(call)
    workspace = call.get(f"/sources/{source}").json()["workspace_id"]
    asked = {"workspace_id": workspace, "name": "px1.shop.com", "source_ids": [source]}
    proxy = {"mode": "proxy", "provider": "cloudfront", "target": "d111.cloudfront.net"}
    made = call.post("/domains", json=asked | proxy)
    domain = made.json()
    snippet = call.get(f"/sources/{source}/snippet", params={"format": "html"}).json()["code"]
    removed = call.delete(f"/domains/{domain['id']}").json()

    assert made.status_code == 201, made.text
    assert (domain["mode"], domain["status"]) == ("proxy", "waiting")
    assert domain["provider"] == "cloudfront"
    assert (domain["cdn_host"], domain["api_host"]) == ("evs.px1.shop.com", "api.px1.shop.com")
    assert [(one["type"], one["name"], one["value"]) for one in domain["records"]] == [
        ("CNAME", "evs.px1.shop.com.", "d111.cloudfront.net."),
        ("CNAME", "api.px1.shop.com.", "d111.cloudfront.net."),
    ]
    assert '"apiHost": "api.px1.shop.com/v1"' in snippet
    assert "https://evs.px1.shop.com/analytics.js/v1/" in snippet
    assert removed["id"] == domain["id"]


def test_behind_a_proxy_the_lines_to_change_are_shown_and_nothing_is_switched(
    call: httpx.Client,
) -> None:
    source = add_source(call)
    workspace = call.get(f"/sources/{source}").json()["workspace_id"]
    asked = {"workspace_id": workspace, "name": "px5.shop.com", "source_ids": [source]}
    assert call.post("/domains", json=asked | {"mode": "proxy"}).status_code == 201
    shown = call.get(f"/sources/{source}/rollout").json()
    restored = call.post(f"/sources/{source}/restore", json={})
    html = next(one for one in shown["lines"] if one["form"] == "html")

    assert shown["is_switchable"] is False
    assert "api.px5.shop.com/v1" in html["now"]
    assert "api.segment.io/v1" in html["then"]
    assert "https://cdn.segment.com/analytics.js/v1/" in html["then"]
    assert (restored.status_code, restored.json()["code"]) == (422, "source-not-switchable")


@pytest.mark.parametrize(
    ("said", "hosts"),
    [
        ({"cdn_host": "c.px2.com"}, ("c.px2.com", "c.px2.com")),
        ({"api_host": "a.px2.com"}, ("px.px2.com", "a.px2.com")),
        ({"cdn_host": "c.px2.com", "api_host": "a.px2.com"}, ("c.px2.com", "a.px2.com")),
    ],
)
def test_the_hosts_of_a_proxy_are_the_owners_choice(
    call: httpx.Client, said: dict[str, str], hosts: tuple[str, str]
) -> None:
    source = add_source(call)
    workspace = call.get(f"/sources/{source}").json()["workspace_id"]
    asked = {"workspace_id": workspace, "name": "px.px2.com", "source_ids": [source]}
    domain = call.post("/domains", json=asked | said | {"mode": "proxy"}).json()

    assert (domain["cdn_host"], domain["api_host"]) == hosts
    assert {one["name"] for one in domain["records"]} == {f"{host}." for host in hosts}


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        ({"mode": "proxy", "cdn_host": "https://c.px3.com"}, "name-is-url", "cdn_host"),
        ({"mode": "proxy", "api_host": "px3.com"}, "name-is-apex", "api_host"),
        ({"mode": "proxy", "api_host": "127.0.0.1"}, "name-is-address", "api_host"),
        ({"mode": "proxy", "api_host": "169.254.169.254"}, "name-is-address", "api_host"),
        ({"mode": "proxy", "api_host": "localhost"}, "name-is-ours", "api_host"),
        ({"mode": "proxy", "provider": "iis"}, "unknown-provider", "provider"),
        ({"mode": "proxy", "target": "a b"}, "proxy-host-invalid", "target"),
        ({"mode": "cname", "cdn_host": "c.px3.com"}, "not-of-mode", "cdn_host"),
    ],
)
def test_what_cannot_be_a_proxy_domain_is_refused(
    call: httpx.Client, said: dict[str, str], code: str, field: str
) -> None:
    source = add_source(call)
    workspace = call.get(f"/sources/{source}").json()["workspace_id"]
    asked = {"workspace_id": workspace, "name": "px.px3.com", "source_ids": [source]}
    answer = call.post("/domains", json=asked | said)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_the_command_adds_a_proxy(served: Served, call: httpx.Client, tmp_path: Path) -> None:
    source = add_source(call)
    workspace = call.get(f"/sources/{source}").json()["workspace_id"]
    hosts = ("--cdn-host", "c.px4.com", "--api-host", "a.px4.com", "--provider", "nginx")
    added = run(
        served,
        tmp_path,
        *("domains", "add", "c.px4.com", "--mode", "proxy", "--source", source),
        *("--workspace", workspace, *hosts),
    )

    assert added.returncode == 0, added.stderr
    assert "c.px4.com. 3600 IN CNAME your-server.example.com." in added.stdout


def run_alone(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_command(arguments, {"XDG_CONFIG_HOME": str(home)})


def run(served: Served, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    where = {"FIRSTPARTY_URL": served.url, "FIRSTPARTY_TOKEN": served.bearer}
    return run_command(arguments, where | {"XDG_CONFIG_HOME": str(home)})


def run_command(
    arguments: tuple[str, ...], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    known = {k: v for k, v in os.environ.items() if not k.startswith("FIRSTPARTY_")}
    return subprocess.run(
        [sys.executable, "-m", "firstparty", *arguments],
        env=known | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
