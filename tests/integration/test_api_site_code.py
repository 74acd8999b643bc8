"""What goes into a site's pages: snippets, its policy, and the way back to the default hosts."""

import httpx
import pytest

from tests import api_world
from tests.api_world import add_source

served, workspace, call = api_world.served, api_world.workspace, api_world.call


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
