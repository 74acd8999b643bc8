import asyncio
import json
import ssl
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.edge_ends import is_served
from tests.integration.edge_rig import API, CDN, Edge, running_edge


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge() -> AsyncIterator[Edge]:
    async with running_edge() as edge:
        edge.publish_live()
        await edge.request_until(is_served, CDN)
        yield edge


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("host", [f"{API}:8443", f"{API}.", API.upper()])
async def test_port_case_and_final_dot_of_a_host_are_forgiven(edge: Edge, host: str) -> None:
    answer = await edge.request(host, "/v1/t", sni=CDN)

    assert answer.json()["server"] == "ingest"
    assert answer.json()["headers"]["host"] == API


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "PROPFIND"])
async def test_other_methods_are_refused(edge: Edge, method: str) -> None:
    answer = await edge.request(API, method=method)

    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"


async def test_connect_is_refused(edge: Edge) -> None:
    answer = await edge.request(API, f"{API}:443", method="CONNECT")

    assert answer.status >= 400


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "no-cookie, no-forwarded-for"),
        ({"Cookie": "a=1"}, "cookie, no-forwarded-for"),
        ({"X-Forwarded-For": "203.0.113.9"}, "no-cookie, forwarded-for"),
        ({"X-Arrived": "nonsense", "X-Claimed": "1.2.3.4"}, "no-cookie, no-forwarded-for"),
    ],
)
async def test_a_check_of_a_proxy_learns_what_arrives_and_it_goes_no_further(
    edge: Edge, headers: dict[str, str], told: str
) -> None:
    asked = {"Firstparty-Check": "api.proxy.test"} | headers
    answer = await edge.request(API, "/v1/pixel/track", method="OPTIONS", headers=asked)
    behind = answer.json()["headers"]

    assert behind["x-arrived"] == told
    assert not {"cookie", "x-claimed"} & set(behind)
    assert behind["x-forwarded-for"] == "127.0.0.1"


async def test_where_proxies_are_trusted_ingest_gets_what_was_claimed_and_who_claimed_it() -> None:
    async with running_edge(keeps_claims=True) as edge:
        edge.publish_live()
        await edge.request_until(is_served, CDN)
        claimed = {"X-Forwarded-For": "1.2.3.4, 203.0.113.9", "X-Claimed": "5.6.7.8"}
        answer = await edge.request(API, "/v1/t", headers=claimed)
        plain = await edge.request(API, "/v1/t", headers={"X-Claimed": "5.6.7.8"})
        behind = answer.json()["headers"]

    assert behind["x-claimed"] == "1.2.3.4, 203.0.113.9"
    assert behind["x-real-ip"] == behind["x-forwarded-for"] == "127.0.0.1"
    assert "x-claimed" not in plain.json()["headers"]


async def test_a_check_of_our_own_host_has_no_proxy_to_tell_of(edge: Edge) -> None:
    asked = {"Firstparty-Check": API, "Cookie": "a=1", "X-Arrived": "cookie"}
    answer = await edge.request(API, "/v1/pixel/track", method="OPTIONS", headers=asked)

    assert "x-arrived" not in answer.json()["headers"]


async def test_nothing_that_a_visitor_claims_and_no_cookie_reaches_the_back_end(
    edge: Edge,
) -> None:
    claims = {
        "Cookie": "session=secret",
        "Forwarded": "for=9.9.9.9",
        "X-Real-IP": "9.9.9.9",
        "X-Forwarded-For": "9.9.9.9",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Port": "9",
        "X-Forwarded-Anything": "9",
        "X-Forwarded-Client-Cert": "By=9",
        "X-Client-IP": "9.9.9.9",
        "True-Client-IP": "9.9.9.9",
        "X-Original-URL": "/9",
        "X-Rewrite-URL": "/9",
        "X-Request-ID": "9",
        "X-Envoy-External-Address": "9.9.9.9",
        "X-Envoy-Internal": "true",
        "X-Envoy-Original-Path": "/9",
        "X-Envoy-Upstream-Rq-Timeout-Ms": "1",
        "X-Envoy-Retry-On": "5xx",
    }
    seen = (await edge.request(API, "/v1/t", headers=claims)).json()["headers"]

    assert {name: value for name, value in seen.items() if name.startswith("x-")} == {
        "x-real-ip": "127.0.0.1",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "https",
        "x-envoy-external-address": "127.0.0.1",
    }
    assert not {"cookie", "forwarded", "true-client-ip"} & seen.keys()


async def test_headers_that_sdks_need_reach_ingest_and_credentials_never_the_cdn(
    edge: Edge,
) -> None:
    headers = {
        "Authorization": "Basic a2V5Og==",
        "X-Retry-Count": "2",
        "User-Agent": "test",
        "Origin": "https://shop.test",
        "Content-Encoding": "gzip",
    }
    to_ingest = (await edge.request(API, "/v1/b", headers=headers)).json()["headers"]
    to_cdn = (await edge.request(CDN, "/x.js", headers=headers)).json()["headers"]

    assert {name.lower(): value for name, value in headers.items()}.items() <= to_ingest.items()
    assert "authorization" not in to_cdn


@pytest.mark.parametrize(("host", "server"), [(CDN, "cdn"), (API, "ingest")])
async def test_preflights_are_answered_by_the_back_ends(edge: Edge, host: str, server: str) -> None:
    headers = {"Origin": "https://shop.test", "Access-Control-Request-Headers": "authorization"}

    answer = await edge.request(host, "/v1/t", method="OPTIONS", headers=headers)

    assert (answer.json()["server"], answer.json()["method"]) == (server, "OPTIONS")
    assert answer.json()["headers"]["access-control-request-headers"] == "authorization"


async def test_cookies_of_a_back_end_are_dropped_and_its_cors_headers_left_alone(
    edge: Edge,
) -> None:
    answer = await edge.request(API, "/v1/t", headers={"Origin": "https://shop.test"})

    assert "set-cookie" not in answer.headers
    assert "server" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("x-envoy")]
    assert answer.headers["access-control-allow-origin"] == "https://from.backend"


async def test_http_1_0_as_proxies_speak_it_is_understood(edge: Edge) -> None:
    trusted = ssl.create_default_context(cadata=edge.authority.pem)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", edge.https_port, ssl=trusted, server_hostname=API
    )
    writer.write(f"POST /v1/t HTTP/1.0\r\nHost: {API}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    async with asyncio.timeout(30):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()

    assert head.startswith(b"HTTP/1.0 200 ")
    assert json.loads(body)["body_bytes"] == 2


async def test_double_slashes_are_merged_without_a_redirect(edge: Edge) -> None:
    answer = await edge.request(API, "//v1/batch?a=%2F", method="POST", body=b"{}")

    assert answer.json()["path"] == "/v1/batch?a=%2F"


@pytest.mark.parametrize("path", ["/v1%2Ft", "/v1%5Ct"])
async def test_escaped_slashes_are_refused(edge: Edge, path: str) -> None:
    answer = await edge.request(API, path)

    assert answer.status == 400
    assert answer.json()["success"] is False


async def test_a_body_of_512_kib_reaches_ingest_and_one_of_700_kib_does_not(edge: Edge) -> None:
    accepted = await edge.request(API, "/v1/b", method="POST", body=b"x" * 512 * 1024)
    refused = await edge.request(API, "/v1/b", method="POST", body=b"x" * 700 * 1024)

    assert accepted.json()["body_bytes"] == 512 * 1024
    assert refused.status == 413
    assert refused.json()["code"] == "payload_too_large"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Underscore": "1"}, 400),
        ({"Content-Length": "1", "Transfer-Encoding": "chunked"}, 400),
        ({"Content-Length": "nine"}, 400),
        ({"Transfer-Encoding": "gzip, chunked"}, 501),
        ({"X-Long": "x" * 40_000}, 431),
        ({f"X-{number}": "1" for number in range(120)}, 431),
    ],
)
async def test_malformed_requests_are_refused_in_json(
    edge: Edge, headers: dict[str, str], status: int
) -> None:
    answer = await edge.request(API, "/v1/t", method="POST", headers=headers)

    assert answer.status == status
    assert set(answer.json()) == {"success", "code", "message", "error"}


async def test_envoy_s_own_errors_can_be_read_by_a_page_of_the_site(edge: Edge) -> None:
    answer = await edge.request(API, method="PUT", headers={"Origin": "https://shop.test"})

    assert answer.headers["access-control-allow-origin"] == "https://shop.test"
    assert answer.headers["vary"] == "Origin"
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"success", "code", "message", "error"}


async def test_without_an_origin_there_is_no_cors_header(edge: Edge) -> None:
    answer = await edge.request(API, method="PUT")

    assert "access-control-allow-origin" not in answer.headers


async def test_port_80_answers_a_live_token_of_its_host_and_no_other(edge: Edge) -> None:
    edge.publish_challenge(CDN, "tok-1", "tok-1.thumb")
    path = "/.well-known/acme-challenge/tok-1"
    answer = await edge.request_until(is_served, CDN, path, is_secure=False)
    of_another = await edge.request(API, path, is_secure=False)
    unknown = await edge.request(CDN, "/.well-known/acme-challenge/tok-2", is_secure=False)

    assert answer.body == b"tok-1.thumb"
    assert answer.headers["content-type"].startswith("text/plain")
    assert (of_another.status, unknown.status) == (404, 404)


async def test_port_80_answers_a_token_of_a_host_that_has_no_domain_yet(edge: Edge) -> None:
    edge.publish_challenge("evs.new.test", "tok-3", "tok-3.thumb")
    path = "/.well-known/acme-challenge/tok-3"

    answer = await edge.request_until(is_served, "evs.new.test", path, is_secure=False)

    assert answer.body == b"tok-3.thumb"


async def test_port_80_redirects_all_else_with_308_to_the_same_place(edge: Edge) -> None:
    answer = await edge.request(
        f"{API}:{edge.http_port}", "/v1/t?a=1", method="POST", body=b"{}", is_secure=False
    )

    assert answer.status == 308
    assert answer.headers["location"] == f"https://{API}:{edge.https_port}/v1/t?a=1"


async def test_port_80_does_not_know_other_hosts(edge: Edge) -> None:
    answer = await edge.request("unknown.test", is_secure=False)

    assert answer.status == 404
    assert answer.json()["code"] == "not_found"
