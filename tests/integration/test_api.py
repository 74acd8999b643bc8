import json
from pathlib import Path

import httpx

from firstparty.config.settings import ConsoleSettings, Settings
from firstparty.model.workspaces import Role
from firstparty.store import tables
from tests import api_world
from tests.api_world import add_source
from tests.served import Served, serve_api

served, workspace, call = api_world.served, api_world.workspace, api_world.call


def test_a_domain_answers_with_all_that_its_owner_needs(call: httpx.Client, workspace: str) -> None:
    source = add_source(call, workspace)
    body = {"workspace_id": workspace, "name": "cdp.answers.com", "source_ids": [source["id"]]}
    created = call.post("/domains", json=body)
    domain = created.json()

    assert created.status_code == 201
    assert domain["status"] == "waiting"
    assert [domain[name] for name in ("dns", "certificate", "edge", "probe")] == [
        "waiting",
        "none",
        "absent",
        "none",
    ]
    assert [set(record) for record in domain["records"]] == [
        {"type", "name", "value", "ttl", "found"}
    ] * 2
    assert domain["mode"] == "delegation"
    assert domain["findings"] == []
    assert domain["source_ids"] == [source["id"]]
    assert (domain["cdn_host"], domain["api_host"]) == (
        "evs.cdp.answers.com",
        "api.cdp.answers.com",
    )
    assert call.get(f"/domains/{domain['id']}").json() == domain
    assert call.get("/domains", params={"workspace": workspace}).json() == {
        "items": [domain],
        "next": None,
    }


def test_a_source_shows_its_addresses_with_the_public_port(
    call: httpx.Client, workspace: str
) -> None:
    source = add_source(call, workspace)
    before = call.get(f"/sources/{source['id']}").json()
    body = {"workspace_id": workspace, "name": "cdp.ports.com", "source_ids": [source["id"]]}
    call.post("/domains", json=body)
    after = call.get(f"/sources/{source['id']}").json()

    assert before["domain"] is before["script_url"] is before["alias_url"] is None
    assert after["domain"]["name"] == "cdp.ports.com"
    assert after["alias_url"] == f"https://evs.cdp.ports.com:8443/{source['alias']}.min.js"
    assert after["script_url"] == (
        f"https://evs.cdp.ports.com:8443/analytics.js/v1/{source['write_key']}/analytics.min.js"
    )


def test_a_source_may_have_a_version_of_its_own(call: httpx.Client, workspace: str) -> None:
    path = f"/sources/{add_source(call, workspace)['id']}"
    pinned = call.patch(path, json={"script_version": "1.84.3"}).json()
    bad = call.patch(path, json={"script_version": "newest"})
    again = call.patch(path, json={"script_version": ""}).json()

    assert (pinned["script_version"], again["script_version"]) == ("1.84.3", "")
    assert bad.status_code == 422
    assert bad.json()["errors"][0]["field"] == "script_version"


def test_pages_join_to_the_whole_list(call: httpx.Client, workspace: str) -> None:
    ids = [add_source(call, workspace)["id"] for _ in range(5)]
    seen, after, pages = [], "", 0
    while after is not None:
        page = call.get(
            "/sources", params={"workspace": workspace, "limit": 2, "after": after}
        ).json()
        seen += [source["id"] for source in page["items"]]
        after, pages = page["next"], pages + 1

    assert seen == ids
    assert pages == 3


def test_a_tokens_secret_is_in_its_first_answer_alone(call: httpx.Client, workspace: str) -> None:
    made = call.post("/tokens", json={"name": "ci", "workspace_id": workspace}).json()
    listed = call.get("/tokens", params={"workspace": workspace})
    revoked = call.delete(f"/tokens/{made['id']}")

    assert made["token"].startswith("fp_")
    assert [one["id"] for one in listed.json()["items"]] == [made["id"]]
    assert made["token"] not in listed.text + revoked.text
    assert revoked.json()["revoked_at"] is not None


def test_every_answer_has_the_security_headers(served: Served, call: httpx.Client) -> None:
    answers = [
        call.get(f"{served.url}/healthz"),
        call.get(f"{served.url}/readyz"),
        call.get("/workspaces"),
        call.get("/nothing"),
        call.post("/sources", content=b" " * 1_000_001),
    ]

    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_document_is_openapi_3_1_and_describes_every_field(served: Served) -> None:
    document = httpx.get(f"{served.url}/openapi.json", trust_env=False).json()
    schemas = document["components"]["schemas"]
    references = set(json.dumps(document).split('"#/components/schemas/')[1:])

    assert document["openapi"].startswith("3.1")
    assert {reference.partition('"')[0] for reference in references} <= set(schemas)
    assert "HTTPValidationError" not in schemas
    for name in ("WorkspaceRequest", "SourceRequest", "DomainRequest", "TokenRequest"):
        assert schemas[name]["examples"]
        assert schemas[name]["additionalProperties"] is False
        undescribed = [
            field
            for field, schema in schemas[name]["properties"].items()
            if "description" not in schema
        ]
        assert undescribed == []


def test_readiness_needs_the_store(tmp_path: Path) -> None:
    with serve_api(tmp_path) as served:
        ready = httpx.get(f"{served.url}/readyz", trust_env=False)
        with served.store.write() as connection:
            tables.domain_sources.drop(connection)
            tables.memberships.drop(connection)
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql("ALTER TABLE workspaces RENAME TO gone")
        broken = httpx.get(f"{served.url}/readyz", trust_env=False)
        alive = httpx.get(f"{served.url}/healthz", trust_env=False)

    assert ready.json() == {"status": "ok"}
    assert broken.status_code == 503
    assert broken.headers["retry-after"] == "1"
    assert alive.status_code == 200


def test_broken_settings_are_refused_with_line_and_reason_and_the_old_ones_stay(
    call: httpx.Client, workspace: str
) -> None:
    path = f"/sources/{add_source(call, workspace)['id']}"
    call.patch(path, json={"settings": {"a": 1}})
    refused = call.patch(path, json={"settings": '{"b": 1,\n "c": }'})

    assert (refused.status_code, refused.json()["code"]) == (422, "settings-not-json")
    assert "line 2, column 7: Expecting value" in refused.json()["detail"]
    assert call.get(path).json()["settings"] == {"a": 1}


def test_sources_are_searched_by_name_id_and_write_key(call: httpx.Client, workspace: str) -> None:
    shop = add_source(call, workspace, name="Web 100% shop")
    blog = add_source(call, workspace, name="Blog")

    def found(text: str) -> list[str]:
        answer = call.get("/sources", params={"workspace": workspace, "q": text})
        return [one["id"] for one in answer.json()["items"]]

    assert found("100% SHOP") == [shop["id"]]
    assert found("%") == [shop["id"]]
    assert found(blog["id"]) == found(blog["write_key"]) == [blog["id"]]
    assert found("nothing") == []


def test_a_token_that_asks_too_often_waits(tmp_path: Path) -> None:
    settings = Settings(console=ConsoleSettings(requests_per_minute=2))
    with serve_api(tmp_path, settings) as served, served.call() as call:
        answers = [call.get("/workspaces") for _ in range(3)]
        with served.call(served.token(Role.VIEWER, None)) as another:
            other = another.get("/workspaces")

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "token-throttled"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    assert other.status_code == 200
