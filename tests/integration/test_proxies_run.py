"""What is generated for a server of one's own, run in that server, claim by claim."""

import gzip
import json
import os
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from firstparty.proxies.catalogue import Checked, Topic, list_providers
from tests.fakes.proxy_rig import API_HOST, CDN_HOST, WRITE_KEY, ProxyRig, running_proxy
from tests.fakes.proxy_servers import SERVERS, has
from tests.fakes.proxy_upstream import BUNDLE, COMPRESSED

pytestmark = pytest.mark.asyncio(loop_scope="module")
# Next.js is half a gigabyte, and not every registry has the packages that its lock would name.
OPTIONAL: Final = ("nextjs",)
KEEPING: Final = ("apache", "haproxy", "nginx")  # the others have no cache of their own
SETTINGS: Final = f"/v1/projects/{WRITE_KEY}/settings"
SCRIPT: Final = f"/analytics.js/v1/{WRITE_KEY}/analytics.min.js"
MESSAGE: Final = json.dumps({"event": "Order Completed", "userId": "user-1"}).encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[ProxyRig]:
    tool = SERVERS[request.param][0]
    if not has(tool):
        pytest.skip(f"{tool} is not installed")
    async with running_proxy(request.param) as rig:
        yield rig


def proves(topic: Topic) -> pytest.MarkDecorator:
    """The test that follows runs for every provider whose claim on ``topic`` says that it ran."""
    names = [
        pytest.param(name, marks=pytest.mark.optional_toolchain if name in OPTIONAL else ())
        for name, provider in list_providers().items()
        if provider.claims[topic].checked is Checked.RUN
    ]
    return pytest.mark.parametrize("rig", names, indirect=True)


@proves(Topic.UPSTREAM)
async def test_each_path_reaches_its_upstream_under_the_upstreams_own_name(rig: ProxyRig) -> None:
    for path in (SETTINGS, SCRIPT, BUNDLE, "/next-integrations/actions/x/1.js"):
        answer = await rig.send("GET", path, host=CDN_HOST)

        assert answer.status == 200
        assert rig.cdn.taken[-1].target == path
        assert rig.cdn.taken[-1].headers["Host"] == f"localhost:{rig.cdn.port}"
    assert (await rig.send("POST", "/v1/t", body=MESSAGE)).status == 200

    assert rig.api.taken[-1].headers["Host"] == f"localhost:{rig.api.port}"
    assert rig.cdn.names == rig.api.names == {"localhost"}
    assert (await rig.send("GET", "/elsewhere", host=CDN_HOST)).status == 404


@proves(Topic.UPSTREAM)
async def test_one_host_can_do_what_two_do(rig: ProxyRig) -> None:
    assert (await rig.send("GET", SETTINGS, host=API_HOST)).status == 200
    assert rig.cdn.taken[-1].target == SETTINGS

    assert (await rig.send("POST", "/v1/p", body=MESSAGE, host=CDN_HOST)).status == 200
    assert rig.api.taken[-1].target == "/v1/p"


@proves(Topic.METHODS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_every_method_that_clients_use_is_passed_on(rig: ProxyRig, method: str) -> None:
    answer = await rig.send(method, "/v1/pixel/track", body=MESSAGE if method == "POST" else None)

    assert answer.status in {200, 204}
    assert rig.api.taken[-1].method == method


@proves(Topic.AUTHORIZATION)
async def test_credentials_of_sdks_are_passed_on(rig: ProxyRig) -> None:
    headers = {"Authorization": "Basic azo=", "X-Retry-Count": "2", "User-Agent": "an-sdk/1"}
    await rig.send("POST", "/v1/batch", headers=headers, body=MESSAGE)

    taken = rig.api.taken[-1].headers
    assert {name: taken[name] for name in headers} == headers


@proves(Topic.ENCODING)
async def test_bodies_stay_as_they_are_both_ways(rig: ProxyRig) -> None:
    packed = gzip.compress(MESSAGE)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    await rig.send("POST", "/v1/batch", headers=headers, body=packed)
    integration = await rig.send(
        "GET", "/next-integrations/integrations/x/1/x.dynamic.js.gz", headers={"Accept": "*/*"}
    )

    assert rig.api.taken[-1].body == packed
    assert rig.api.taken[-1].headers["Content-Encoding"] == "gzip"
    assert integration.headers.getall("Content-Encoding") == ["gzip"]
    assert integration.body == COMPRESSED


@proves(Topic.PREFLIGHT)
async def test_a_preflight_gets_the_upstreams_own_answer_once(rig: ProxyRig) -> None:
    headers = {
        "Origin": "https://www.shop.test",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-retry-count",
    }
    answer = await rig.send("OPTIONS", "/v1/t", headers=headers)

    assert answer.status == 204
    assert answer.headers.getall("Access-Control-Allow-Origin") == ["https://www.shop.test"]
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization,x-retry-count"


@proves(Topic.PREFLIGHT)
async def test_an_upstreams_refusal_comes_back_with_what_sdks_read(rig: ProxyRig) -> None:
    answer = await rig.send(
        "POST", "/v1/t?please=429", body=MESSAGE, headers={"Origin": "https://www.shop.test"}
    )

    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert answer.headers.getall("Access-Control-Expose-Headers") == ["Retry-After"]


@proves(Topic.CACHING)
async def test_nothing_but_bundles_is_kept(rig: ProxyRig) -> None:
    bundle, mark = BUNDLE.replace("ajs", "kept"), "?kept=1"
    for _ in range(3):
        await rig.send("GET", bundle, host=CDN_HOST)
        await rig.send("GET", SETTINGS + mark, host=CDN_HOST)
        await rig.send("POST", f"/v1/t{mark}", body=MESSAGE)
    again = await rig.send("GET", bundle, host=CDN_HOST)

    assert again.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert again.body == b"bundle();"
    assert len(rig.cdn.of("kept-destination")) == (1 if rig.provider in KEEPING else 4)
    assert len(rig.cdn.of(mark)) == 3
    assert len(rig.api.of(mark)) == 3


@proves(Topic.QUERY)
async def test_queries_and_odd_paths_arrive_unchanged(rig: ProxyRig) -> None:
    for target in ("/v1/pixel/track?data=eyJ9%3D&a=b%20c&a=%2F", "/v1/import/"):
        await rig.send("POST", target, body=MESSAGE)

        assert rig.api.taken[-1].target == target


@proves(Topic.CLIENT_IP)
async def test_the_upstream_is_told_the_visitors_address_and_no_claimed_one(rig: ProxyRig) -> None:
    forged = {
        # What Cloudflare itself says at its Workers' door, whatever a visitor sent.
        **({"CF-Connecting-IP": "127.0.0.1"} if rig.provider == "cloudflare-worker" else {}),
        "X-Forwarded-For": "203.0.113.66",
        "Forwarded": "for=203.0.113.66",
        "X-Real-IP": "203.0.113.66",
    }
    await rig.send("POST", "/v1/t", headers=forged, body=MESSAGE)

    taken = rig.api.taken[-1].headers
    assert taken.getall("X-Forwarded-For") == ["127.0.0.1"]
    assert "203.0.113.66" not in str(taken)


@proves(Topic.COOKIES)
async def test_cookies_stay_at_home_both_ways(rig: ProxyRig) -> None:
    cookies = {"Cookie": "session=secret; ajs_anonymous_id=1"}
    for answer in (
        await rig.send("POST", "/v1/t", headers=cookies, body=MESSAGE),
        await rig.send("GET", SETTINGS, headers=cookies, host=CDN_HOST),
    ):
        assert answer.status == 200
        assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in rig.api.taken[-1].headers
    assert "Cookie" not in rig.cdn.taken[-1].headers


@proves(Topic.REDIRECTS)
async def test_without_tls_a_message_is_refused_and_a_script_sent_to_https(rig: ProxyRig) -> None:
    before = len(rig.api.taken)
    message = await rig.send("POST", "/v1/t", body=MESSAGE, is_tls=False)
    script = await rig.send("GET", SCRIPT, is_tls=False)

    assert message.status == 403
    assert len(rig.api.taken) == before
    assert script.status == 308
    assert script.headers["Location"] == f"https://{CDN_HOST}{SCRIPT}"


@proves(Topic.BODY_SIZE)
async def test_the_largest_batch_of_any_sdk_fits(rig: ProxyRig) -> None:
    body = os.urandom(512 * 1024)
    answer = await rig.send("POST", "/v1/batch", body=body)

    assert answer.status == 200
    assert rig.api.taken[-1].body == body


@pytest.mark.parametrize("provider", KEEPING)
async def test_without_caching_bundles_are_fetched_each_time(provider: str) -> None:
    if not has(SERVERS[provider][0]):
        pytest.skip(f"{SERVERS[provider][0]} is not installed")
    async with running_proxy(provider, is_cached=False) as rig:
        for _ in range(2):
            assert (await rig.send("GET", BUNDLE, host=CDN_HOST)).status == 200

        assert len(rig.cdn.of(BUNDLE)) == 2
