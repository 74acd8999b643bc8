"""A second domain, by CNAME, goes live in the running demo and takes messages."""

import asyncio
from typing import Any

import httpx

from firstparty.demo.parent import add_cname
from tests.running import RunningDemo, until


def test_a_second_domain_by_cname_goes_live_and_its_messages_arrive(demo: RunningDemo) -> None:
    with demo.rest() as rest:
        source = _post(rest, "sources", name="Blog", type="javascript", region="us")
        domain = _post(
            rest, "domains", name="blog.shop.test", mode="cname", source_ids=[source["id"]]
        )
        try:
            host, _, port = demo.report["parent_nameserver"].rpartition(":")
            for record in domain["records"]:
                asyncio.run(
                    add_cname((host, int(port)), "shop.test", record["name"], record["value"])
                )
            rest.post(f"/api/v1/domains/{domain['id']}/check").raise_for_status()
            until(lambda: _status(rest, domain["id"]) == "live", seconds=60)
            settings = demo.request(
                "GET",
                f"https://{domain['cdn_host']}:{demo.https_port}"
                f"/v1/projects/{source['write_key']}/settings",
            )
            sent = demo.request(
                "POST",
                f"https://{domain['api_host']}:{demo.https_port}/v1/track",
                headers={"content-type": "application/json"},
                body=b'{"messageId": "by-cname", "event": "Read", "anonymousId": "a", '
                b'"writeKey": "%s"}' % source["write_key"].encode(),
            )
            until(lambda: "by-cname" in demo.received_ids())
        finally:
            rest.delete(f"/api/v1/domains/{domain['id']}").raise_for_status()

    assert domain["records"][0]["type"] == "CNAME"
    assert settings.status_code == 200
    assert settings.json()["integrations"]["Segment.io"]["apiHost"].startswith(domain["api_host"])
    assert sent.status_code == 200


def _post(rest: httpx.Client, kind: str, **body: Any) -> dict[str, Any]:
    answer = rest.post(f"/api/v1/{kind}", json=body)
    answer.raise_for_status()
    made: dict[str, Any] = answer.json()
    return made


def _status(rest: httpx.Client, domain_id: str) -> str:
    domain: dict[str, Any] = rest.get(f"/api/v1/domains/{domain_id}").json()
    return str(domain["status"])
