"""The service domain's own hosts in the running product, through the real edge."""

import base64
import json
from typing import Any

import httpx

from tests.running import RunningDemo, until


def ask(demo: RunningDemo, method: str, host: str, path: str, **parts: Any) -> httpx.Response:
    return demo.request(method, f"https://{host}:{demo.https_port}{path}", **parts)


def test_a_source_without_a_domain_is_served_and_its_message_goes_upstream(
    demo: RunningDemo,
) -> None:
    with demo.rest() as rest:
        body = {
            "name": "Lonely",
            "type": "javascript",
            "workspace_id": demo.report["workspace"]["id"],
        }
        source = rest.post("/api/v1/sources", json=body).json()
    key = source["write_key"]
    settings = until(
        lambda: (
            answer.json()
            if (
                answer := ask(demo, "GET", "cdn.fp.test", f"/v1/projects/{key}/settings")
            ).is_success
            else None
        )
    )
    script = ask(demo, "GET", "cdn.fp.test", f"/{source['alias']}.min.js")
    message = {"type": "track", "event": "Lonely", "messageId": "lonely-1", "userId": "u"}
    authorization = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    taken = until(
        lambda: (
            answer
            if (
                answer := ask(
                    demo,
                    "POST",
                    "api.fp.test",
                    "/v1/batch",
                    headers={"authorization": authorization, "content-type": "application/json"},
                    body=json.dumps({"batch": [message]}).encode(),
                )
            ).is_success
            else None
        )
    )

    assert settings["integrations"]["Segment.io"]["apiHost"] == f"api.fp.test:{demo.https_port}/v1"
    assert f"https://cdn.fp.test:{demo.https_port}" in script.text
    assert taken.json() == {"success": True}
    until(lambda: "lonely-1" in demo.received_ids())


def test_a_tenants_hosts_still_refuse_the_write_keys_of_others(demo: RunningDemo) -> None:
    with demo.rest() as rest:
        body = {
            "name": "Other",
            "type": "javascript",
            "workspace_id": demo.report["workspace"]["id"],
        }
        key = rest.post("/api/v1/sources", json=body).json()["write_key"]
    until(
        lambda: ask(demo, "GET", "cdn.fp.test", f"/v1/projects/{key}/settings").is_success or None
    )

    assert (
        ask(demo, "GET", demo.domain["cdn_host"], f"/v1/projects/{key}/settings").status_code == 404
    )


def test_the_console_has_https_its_cookies_and_all_methods_of_rest(demo: RunningDemo) -> None:
    page = ask(demo, "GET", "console.fp.test", "/sign-in")
    token = {"authorization": f"Bearer {demo.report['console']['token']}"}
    source = demo.source("javascript")["id"]
    patched = ask(
        demo,
        "PATCH",
        "console.fp.test",
        f"/api/v1/sources/{source}",
        headers=token | {"content-type": "application/json"},
        body=b'{"origin": "self-hosted"}',
    )
    elsewhere = ask(demo, "PATCH", demo.domain["cdn_host"], f"/api/v1/sources/{source}")

    assert page.status_code == 200
    assert "Secure" in page.headers["set-cookie"]
    assert patched.status_code == 200
    assert elsewhere.status_code == 405
