"""The demo's promises to scripts outside this repository (SPEC: The demo)."""

import os

import httpx

from tests.running import RunningDemo, until


def test_demo_json_says_where_everything_is(demo: RunningDemo) -> None:
    report = demo.report

    assert set(report["console"]) == {"url", "email", "password", "token"}
    assert set(report["edge"]) == {"https", "http", "ca"}
    assert report["nameserver"].startswith("127.0.0.1:")
    assert report["parent_nameserver"].startswith("127.0.0.1:")
    assert report["workspace"]["name"] == "Shop"
    assert set(report["upstream"]) == {"url", "received"}


def test_its_domain_is_live_with_three_sources(demo: RunningDemo) -> None:
    assert demo.domain["name"] == "cdp.shop.test"
    assert demo.domain["mode"] == "delegation"
    assert demo.domain["status"] == "live"
    assert [one["type"] for one in demo.domain["sources"]] == ["javascript", "python", "node"]


def test_every_role_has_a_pid_that_runs(demo: RunningDemo) -> None:
    pids = demo.report["pids"]

    assert {
        "envoy",
        "nats",
        "nameserver",
        "ingest",
        "forward",
        "cdn",
        "ads",
        "control",
        "reconciler",
        "outside-parent",
        "outside-upstream",
    } <= set(pids)
    for pid in pids.values():
        os.kill(pid, 0)


def test_the_storys_messages_are_in_received_ndjson(demo: RunningDemo) -> None:
    line = next(
        one for one in demo.received() if one["message"]["messageId"] == "demo-javascript-track"
    )

    assert set(line) == {"received_at", "path", "write_key", "headers", "message"}
    assert line["write_key"] == demo.source("javascript")["write_key"]
    assert line["message"]["event"] == "Order Completed"


def test_the_rest_api_shows_the_domain_as_the_contract_says(demo: RunningDemo) -> None:
    with demo.rest() as rest:
        domain = rest.get(f"/api/v1/domains/{demo.domain['id']}").json()

    assert {"id", "name", "mode", "status", "dns", "certificate", "edge", "probe"} <= set(domain)
    assert domain["findings"] == []
    assert [set(record) for record in domain["records"]] == [
        {"type", "name", "value", "ttl", "found"}
    ] * 2
    assert all(record["found"] for record in domain["records"])


def test_the_console_asks_for_a_sign_in(demo: RunningDemo) -> None:
    answer = httpx.get(demo.report["console"]["url"], follow_redirects=True)

    assert answer.status_code == 200
    assert 'type="password"' in answer.text


def test_a_role_that_dies_is_back_and_demo_json_knows(demo: RunningDemo) -> None:
    before = demo.report["pids"]["nameserver"]
    os.kill(before, 9)

    after = until(lambda: _changed(demo, "nameserver", before))
    os.kill(after, 0)


def _changed(demo: RunningDemo, role: str, before: int) -> int | None:
    now: int | None = demo.report["pids"].get(role)
    return now if now != before else None
