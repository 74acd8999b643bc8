import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from firstparty.config.settings import ConsoleSettings, EdgeSettings, Settings
from firstparty.model.workspaces import Role
from firstparty.store import tables
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


def test_a_rollout_says_where_visitors_are_and_what_to_change(
    call: httpx.Client, workspace: str
) -> None:
    source = add_source(call, workspace)
    path = f"/sources/{source['id']}"
    without = call.get(f"{path}/rollout")
    body = {"workspace_id": workspace, "name": "cdp.back.com", "source_ids": [source["id"]]}
    call.post("/domains", json=body)
    restored = call.post(f"{path}/restore", json={}).json()
    some = call.put(f"{path}/rollout", json={"share": 25}).json()
    refused = call.put(f"{path}/rollout", json={"share": 101})

    assert without.status_code == 409
    assert restored["share"] == 0
    assert (restored["default_cdn"], restored["default_api"]) == (
        "https://cdn.segment.com",
        "api.segment.io/v1",
    )
    assert {"html", "npm"} <= {line["form"] for line in restored["lines"]}
    assert all("cdp.back.com" in line["now"] for line in restored["lines"])
    assert some["share"] == call.get(path).json()["share"] == 25
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["share"]


def test_a_snippet_names_the_alias_the_path_or_the_host(call: httpx.Client, workspace: str) -> None:
    source = add_source(call, workspace)
    path = f"/sources/{source['id']}/snippet"
    without = call.get(path)
    body = {"workspace_id": workspace, "name": "cdp.snip.com", "source_ids": [source["id"]]}
    call.post("/domains", json=body)

    def code(**query: str) -> str:
        answer = call.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["code"])

    assert without.status_code == 409
    assert source["alias"] in code()
    assert f"/v1/{source['write_key']}/analytics.min.js" in code(path="standard")
    assert '"shopdata"' in code(**{"global": "shopdata"})
    assert "https://api.cdp.snip.com:8443" in code(format="python")


def test_a_snippet_takes_load_options_and_leaves_the_page_call_out(
    call: httpx.Client, workspace: str
) -> None:
    source = add_source(call, workspace)
    path = f"/sources/{source['id']}/snippet"
    body = {"workspace_id": workspace, "name": "cdp.options.com", "source_ids": [source["id"]]}
    call.post("/domains", json=body)
    chosen = {"load_options": '{"obfuscate": true, "x": "</script>"}', "page_call": "false"}
    code = call.get(path, params=chosen).json()["code"]
    bad = [
        call.get(path, params={"load_options": "{"}),
        call.get(path, params={"load_options": "[]"}),
        call.get(path, params={"format": "npm", **chosen}),
    ]

    assert '{"obfuscate": true, "x": "\\u003c/script\\u003e"}, false, false)' in code
    assert [one.status_code for one in bad] == [422, 422, 422]
    assert {one.json()["errors"][0]["field"] for one in bad} == {"load_options"}


def test_a_source_may_have_a_version_of_its_own(call: httpx.Client, workspace: str) -> None:
    path = f"/sources/{add_source(call, workspace)['id']}"
    pinned = call.patch(path, json={"script_version": "1.84.3"}).json()
    bad = call.patch(path, json={"script_version": "newest"})
    again = call.patch(path, json={"script_version": ""}).json()

    assert (pinned["script_version"], again["script_version"]) == ("1.84.3", "")
    assert bad.status_code == 422
    assert bad.json()["errors"][0]["field"] == "script_version"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"format": "cobol"}, "format"),
        ({"path": "sideways"}, "path"),
        ({"global": "a b"}, "global"),
        ({"global": "</script>"}, "global"),
        ({"format": "python", "global": "x"}, "global"),
        ({"format": "node", "path": "standard"}, "path"),
    ],
)
def test_a_snippet_that_cannot_be_names_the_parameter(
    call: httpx.Client, workspace: str, query: dict[str, str], field: str
) -> None:
    source = add_source(call, workspace)
    name = f"cdp.{source['id'][4:].lower()}.com"
    body = {"workspace_id": workspace, "name": name, "source_ids": [source["id"]]}
    assert call.post("/domains", json=body).status_code == 201
    refused = call.get(f"/sources/{source['id']}/snippet", params=query)

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]


def test_a_policy_is_checked_and_what_it_lacks_is_said(call: httpx.Client, workspace: str) -> None:
    settings = {
        "integrations": {"Mixpanel": {"type": "browser"}, "House Made": {"type": "browser"}}
    }
    source = add_source(call, workspace, settings=settings)
    path = f"/sources/{source['id']}/csp"
    without = call.post(path, json={})
    body = {"workspace_id": workspace, "name": "cdp.csp.com", "source_ids": [source["id"]]}
    call.post("/domains", json=body)
    wanted = call.post(path, json={}).json()
    bare = call.post(path, json={"header": "default-src 'self'"}).json()
    again = call.post(path, json={"header": bare["changes"][0]["changed"]}).json()

    assert without.status_code == 409
    assert wanted["is_allowed"] is True
    assert "https://evs.cdp.csp.com:8443" in wanted["directives"]["script-src"]
    assert wanted["meta"].count('"') == 4
    assert bare["is_allowed"] is False
    assert bare["changes"][0]["added"]["connect-src"] == [
        "https://evs.cdp.csp.com:8443",
        "https://api.cdp.csp.com:8443",
        "https://cdn.mxpnl.com",
        "https://api-js.mixpanel.com",
    ]
    assert again["is_allowed"] is True
    assert again["changes"][0]["added"] == {}
    assert call.get(f"/sources/{source['id']}").json()["device_mode"] == [
        {"name": "House Made", "hosts": []},
        {"name": "Mixpanel", "hosts": ["cdn.mxpnl.com", "api-js.mixpanel.com"]},
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"page": "ftp://www.shop.com"}, "page"),
        ({"page": "https://[::1"}, "page"),
        ({"page": "https://a:99999/"}, "page"),
        ({"header": "a" * 16_385}, "header"),
        ({"unheard_of": ""}, "unheard_of"),
    ],
)
def test_a_policy_that_cannot_be_checked_names_the_part(
    call: httpx.Client, workspace: str, body: dict[str, str], field: str
) -> None:
    source = add_source(call, workspace)
    refused = call.post(f"/sources/{source['id']}/csp", json=body)

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]


def test_a_source_on_no_page_has_no_policy(call: httpx.Client, workspace: str) -> None:
    site, server = add_source(call, workspace), add_source(call, workspace, type="python")
    pixel = add_source(call, workspace, type="pixel")
    ids = [site["id"], server["id"], pixel["id"]]
    body = {"workspace_id": workspace, "name": "cdp.nopage.com", "source_ids": ids}
    assert call.post("/domains", json=body).status_code == 201
    refused = call.post(f"/sources/{server['id']}/csp", json={})

    assert refused.status_code == 422
    assert refused.json()["code"] == "source-on-no-page"
    assert call.post(f"/sources/{pixel['id']}/csp", json={}).json()["directives"] == {
        "img-src": ["https://api.cdp.nopage.com:8443"]
    }


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


def test_the_same_key_gets_the_same_answer_and_does_it_once(
    call: httpx.Client, workspace: str
) -> None:
    body = {"workspace_id": workspace, "name": "Once", "type": "javascript"}
    key = {"Idempotency-Key": f"once-{workspace}"}
    first = call.post("/sources", json=body, headers=key)
    again = call.post("/sources", json=body, headers=key)
    other = call.post("/sources", json=body | {"name": "Other"}, headers=key)
    listed = call.get("/sources", params={"workspace": workspace}).json()["items"]

    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == 409
    assert other.json()["code"] == "idempotency-key-reused"
    assert [source["name"] for source in listed] == ["Once"]


def test_a_key_sent_by_many_at_once_is_done_once(served: Served, workspace: str) -> None:
    body = {"workspace_id": workspace, "name": "Raced", "type": "javascript"}

    def post(_: int) -> int:
        with served.call() as call:
            headers = {"Idempotency-Key": f"race-{workspace}"}
            return call.post("/sources", json=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(post, range(8)))
    with served.call() as call:
        listed = call.get("/sources", params={"workspace": workspace}).json()["items"]

    assert statuses <= {201, 409}
    assert len(listed) == 1


def test_a_refused_request_may_be_sent_again_with_its_key(
    call: httpx.Client, workspace: str
) -> None:
    key = {"Idempotency-Key": f"refused-{workspace}"}
    bad = {"workspace_id": workspace, "name": "", "type": "javascript"}
    good = bad | {"name": "Good"}

    assert call.post("/sources", json=bad, headers=key).status_code == 422
    assert call.post("/sources", json=good, headers=key).status_code == 201


def test_another_tokens_key_is_another_key_and_a_revoked_one_gets_nothing(
    served: Served, call: httpx.Client, workspace: str
) -> None:
    key = {"Idempotency-Key": f"mine-{workspace}"}
    made = call.post("/tokens", json={"name": "a", "role": "owner", "workspace_id": workspace})
    token = made.json()
    with served.call(token["token"]) as other:
        first = other.post("/tokens", json={"name": "b"}, headers=key).json()
        elsewhere = call.post(
            "/tokens", json={"name": "b", "workspace_id": workspace}, headers=key
        ).json()
        call.delete(f"/tokens/{token['id']}")
        revoked = other.post("/tokens", json={"name": "b"}, headers=key)
    with served.store.read() as connection:
        kept = connection.execute(tables.answers.select()).all()

    assert first["id"] != elsewhere["id"]
    assert revoked.status_code == 401
    assert all(first["token"].encode() not in (row.sealed_body or b"") for row in kept)


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


def test_an_update_for_a_past_state_is_refused(call: httpx.Client, workspace: str) -> None:
    path = f"/sources/{add_source(call, workspace)['id']}"
    etag = call.get(path).headers["etag"]
    first = call.patch(path, json={"settings": {"a": 1}}, headers={"If-Match": etag})
    late = call.patch(path, json={"settings": {"b": 1}}, headers={"If-Match": etag})
    wrong = call.patch(path, json={"settings": {"b": 1}}, headers={"If-Match": "W/yes"})

    assert first.status_code == 200
    assert first.headers["etag"] == call.get(path).headers["etag"] != etag
    assert (late.status_code, late.json()["code"]) == (412, "changed-meanwhile")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "if-match-invalid")
    assert call.get(path).json()["settings"] == {"a": 1}
    latest = {"If-Match": first.headers["etag"]}
    assert call.patch(path, json={"settings": {"b": 1}}, headers=latest).status_code == 200


def test_broken_settings_are_refused_with_line_and_reason_and_the_old_ones_stay(
    call: httpx.Client, workspace: str
) -> None:
    path = f"/sources/{add_source(call, workspace)['id']}"
    call.patch(path, json={"settings": {"a": 1}})
    refused = call.patch(path, json={"settings": '{"b": 1,\n "c": }'})

    assert (refused.status_code, refused.json()["code"]) == (422, "settings-not-json")
    assert "line 2, column 7: Expecting value" in refused.json()["detail"]
    assert call.get(path).json()["settings"] == {"a": 1}


def test_a_domains_etag_is_that_of_its_intent(call: httpx.Client, workspace: str) -> None:
    source = add_source(call, workspace)
    body = {"workspace_id": workspace, "name": "cdp.etag.com", "source_ids": [source["id"]]}
    path = f"/domains/{call.post('/domains', json=body).json()['id']}"
    etag = call.get(path).headers["etag"]
    call.post(f"{path}/check")
    checked = call.get(path).headers["etag"]
    call.post(f"{path}/pause")
    late = call.delete(path, headers={"If-Match": etag})

    assert checked == etag
    assert late.status_code == 412
    assert call.delete(path, headers={"If-Match": "*"}).status_code == 200


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
