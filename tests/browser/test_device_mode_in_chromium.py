import asyncio
from pathlib import Path
from typing import Any

import pytest

from firstparty.demo.cdn import ACTION, CLASSIC, MIDDLEWARE, SHARED, obfuscate
from firstparty.demo.upstream import serve_upstream
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.html import build_html_snippet
from tests.fakes.cdn_rig import (
    ANALYTICS_NEXT,
    API_HOST,
    CDN_HOST,
    WITHOUT_NPM,
    a_domain,
    a_source,
    a_store,
    running_cdn,
    until_known,
)
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM, running_tab, whole_internet_at
from tests.fakes.tls_front import SITE_HOST, running_front
from tests.ports import listener

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM),
    pytest.mark.skipif(not ANALYTICS_NEXT.exists(), reason=WITHOUT_NPM),
]

INTEGRATIONS = f"https://{CDN_HOST}/v1/projects/WK1/integrations"
TOLD = "() => window.tinyShared && window.tinyActions && window.tinyMiddleware"
STORED: dict[str, Any] = {
    "integrations": {
        "Segment.io": {"apiHost": "api.segment.io/v1"},
        "Tiny Tracker": {
            "type": "browser",
            "bundlingStatus": "bundled",
            "versionSettings": {"version": "1.0.0", "componentTypes": ["browser"]},
        },
    },
    "enabledMiddleware": {"@segment/tiny-middleware": True},
    "remotePlugins": [
        {
            "name": "Tiny Action",
            "creationName": "Tiny Action",
            "libraryName": "tinyActionDestination",
            "url": f"https://cdn.segment.com{ACTION}",
            "settings": {"subscriptions": []},
        }
    ],
}


@pytest.mark.parametrize(("origin", "settings"), [("mirror", {}), ("self-hosted", STORED)])
@pytest.mark.parametrize("is_obfuscated", [False, True])
async def test_destinations_of_the_browser_load_through_our_host_alone(
    tmp_path: Path, origin: str, settings: dict[str, Any], *, is_obfuscated: bool
) -> None:
    tcp = listener()
    host, port = tcp.getsockname()
    upstream = asyncio.create_task(serve_upstream(listener=tcp, received=tmp_path / "received"))
    source = a_source(origin=origin, cdn_upstream=f"http://{host}:{port}", settings=settings)
    facts = SnippetFacts(
        write_key=source.write_key, cdn_host=CDN_HOST, api_host=API_HOST, alias=source.alias
    )
    async with (
        running_cdn(tmp_path, a_store(tmp_path, a_domain(source))) as cdn,
        running_front(tmp_path, cdn=cdn) as front,
        running_tab(*whole_internet_at(front.port, spki=front.spki)) as tab,
    ):
        await until_known(cdn)
        options = {"obfuscate": True} if is_obfuscated else {}
        snippet = build_html_snippet(facts, load_options=options)
        front.page = f"<!doctype html><title>Shop</title>{snippet}"
        await tab.page.goto(f"https://{SITE_HOST}/")
        await tab.page.wait_for_function(TOLD)
        await tab.page.wait_for_function("() => window.tinyShared.length")
        told = await tab.page.evaluate("[...window.tinyShared, ...window.tinyActions]")
        await front.until_messages(lambda messages: len(messages) > 0)
        listed = await tab.page.evaluate(f"fetch('{INTEGRATIONS}').then((one) => one.json())")
    upstream.cancel()
    await asyncio.gather(upstream, return_exceptions=True)
    paths = (CLASSIC, f"{SHARED}.gz", ACTION, MIDDLEWARE)
    written = {path: obfuscate(path) if is_obfuscated else path for path in paths}
    loaded = {f"https://{CDN_HOST}{path}" for path in written.values()}

    assert told == ["classic page", "action page"]
    assert loaded <= set(tab.urls)
    assert not [url for url in tab.urls if is_obfuscated and "tiny" in url]
    assert {one["creationName"] for one in listed} == {"Tiny Tracker", "Tiny Action"}
    assert tab.hosts == {SITE_HOST, CDN_HOST, API_HOST}
    assert not [one.host for one in front.seen if "segment" in one.host]
    assert tab.complaints == []
