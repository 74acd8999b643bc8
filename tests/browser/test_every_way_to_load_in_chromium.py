"""However Analytics.js gets into a page, nothing of it goes to Segment; identities stay."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Route

from firstparty.snippets.catalogue import build_snippet
from firstparty.snippets.facts import SnippetFacts
from tests.fakes.bundle import bundle
from tests.fakes.cdn_rig import (
    ANALYTICS_NEXT,
    API_HOST,
    CDN_HOST,
    PACKAGES,
    WITHOUT_NPM,
    a_domain,
    a_source,
    a_store,
    running_cdn,
    until_known,
)
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM, Tab, running_tab, whole_internet_at
from tests.fakes.tls_front import SITE_HOST, Front, running_front

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM),
    pytest.mark.skipif(not ANALYTICS_NEXT.exists(), reason=WITHOUT_NPM),
]

SITE = f"https://{SITE_HOST}/"
# A routing rule, so that a chunk of the library is needed too.
SETTINGS: dict[str, Any] = {
    "integrations": {"Segment.io": {"apiHost": "api.segment.io/v1"}},
    "middlewareSettings": {"routingRules": [{"matchers": [], "scope": "", "target_type": ""}]},
    "metrics": {"sampleRate": 1, "host": "api.segment.io/v1"},
}
# What sites still have in their pages: the essence of snippets of the 4.x era, which know the
# write key by the script's path alone (4.13), or beside the CDN (4.15).
OLD = """<script>
var analytics = window.analytics = window.analytics || [];
analytics.invoked = true;
analytics.methods = ["page", "track", "identify", "ready", "on", "once", "off", "reset", "group"];
analytics.methods.forEach(function (name) {
  analytics[name] = function () {
    analytics.push([name].concat(Array.prototype.slice.call(arguments)));
    return analytics;
  };
});
var script = document.createElement("script");
script.async = true;
script.src = "%(url)s";
document.head.appendChild(script);
%(more)s
analytics.SNIPPET_VERSION = "%(version)s";
analytics.page();
</script>"""


def the_facts() -> SnippetFacts:
    source = a_source()
    return SnippetFacts(
        write_key=source.write_key, cdn_host=CDN_HOST, api_host=API_HOST, alias=source.alias
    )


PLATFORM_URL = f"https://{CDN_HOST}/analytics.js/v1/WK1/platform/analytics.min.js"


def an_old_snippet(version: str, url: str, more: str = "") -> str:
    return OLD % {"url": url, "version": version, "more": more}


@contextlib.asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[tuple[Front, Tab]]:
    source = a_source(settings=SETTINGS)
    segment = a_domain(source, id="dom_2", cdn_host="cdn.segment.com", api_host="api.segment.io")
    store = a_store(folder, a_domain(source), segment)
    async with (
        running_cdn(folder, store) as cdn,
        running_front(folder, cdn=cdn) as front,
        running_tab(*whole_internet_at(front.port, spki=front.spki)) as tab,
    ):
        await until_known(cdn)
        yield front, tab


async def visit(front: Front, tab: Tab, page: str) -> None:
    """Load the page and wait until its page call has arrived."""
    front.page = f"<!doctype html><title>Shop</title>{page}"
    front.seen.clear()
    await tab.page.goto(SITE)
    arrived = await front.until_messages(
        lambda messages: any(one.get("type") == "page" for one in messages)
    )

    assert [one for one in arrived if one.get("type") == "page"], tab.complaints


def hosts_of(front: Front) -> set[str]:
    """Every host that was asked for anything; Chromium has errands of its own."""
    hosts = {one.host for one in front.seen}
    return {host for host in hosts if host.endswith(".test") or "segment" in host}


@pytest.mark.parametrize(
    "snippet",
    [
        pytest.param(
            an_old_snippet("4.13.2", the_facts().script_url), id="4.13, standard path, no key"
        ),
        pytest.param(
            an_old_snippet("4.13.2", PLATFORM_URL), id="4.13, platform path"
        ),
        pytest.param(
            an_old_snippet(
                "4.15.3",
                the_facts().alias_url,
                f'analytics._writeKey = "WK1"; analytics._cdn = "https://{CDN_HOST}";',
            ),
            id="4.15, alias",
        ),
        pytest.param(an_old_snippet("4.13.2", the_facts().alias_url), id="4.13, alias, no key"),
    ],
)  # fmt: skip
async def test_old_snippets_stay_first_party(tmp_path: Path, snippet: str) -> None:
    async with a_site(tmp_path) as (front, tab):
        await visit(front, tab, snippet)

        assert hosts_of(front) == {SITE_HOST, CDN_HOST, API_HOST}
        assert any("/bundles/" in one.path for one in front.seen)


async def test_the_npm_code_stays_first_party_in_a_bundle(tmp_path: Path) -> None:
    code = bundle(build_snippet("npm", the_facts()), PACKAGES)
    async with a_site(tmp_path) as (front, tab):
        await tab.page.route("**/app.js", _serve(code.encode()))
        await visit(front, tab, '<script src="/app.js"></script>')

        assert hosts_of(front) == {SITE_HOST, CDN_HOST, API_HOST}


async def test_settings_in_the_bundle_spare_the_first_request(tmp_path: Path) -> None:
    settings = json.dumps({"integrations": {"Segment.io": {"apiKey": "WK1"}}, "plan": {}})
    code = bundle(
        build_snippet("npm-settings", the_facts()),
        PACKAGES,
        json_files={"./analytics-settings.json": settings},
    )
    async with a_site(tmp_path) as (front, tab):
        await tab.page.route("**/app.js", _serve(code.encode()))
        await visit(front, tab, '<script src="/app.js"></script>')

        assert hosts_of(front) == {SITE_HOST, API_HOST}


async def test_the_file_of_ones_own_stays_first_party_with_its_chunks(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (front, tab):
        await tab.page.route("**/index.js", _serve(_umd()))
        await visit(front, tab, build_snippet("umd", the_facts()))

        assert hosts_of(front) == {SITE_HOST, CDN_HOST, API_HOST}
        assert any("/analytics-next/bundles/" in one.path for one in front.seen)


async def test_without_its_first_line_the_file_of_ones_own_would_ask_segment(
    tmp_path: Path,
) -> None:
    """The control: the trap that the form's notes name is real."""
    whole = build_snippet("umd", the_facts())
    async with a_site(tmp_path) as (front, tab):
        await tab.page.route("**/index.js", _serve(_umd()))
        front.page = f"<!doctype html>{whole.partition(chr(10))[2]}"
        await tab.page.goto(SITE)
        async with asyncio.timeout(30):
            while "cdn.segment.com" not in hosts_of(front):
                await asyncio.sleep(0.02)


async def test_a_visitor_keeps_every_identity_when_the_site_switches(tmp_path: Path) -> None:
    """First the stock library from Segment's hosts, then the domain's snippet, then back."""
    stock = (ANALYTICS_NEXT / "dist" / "umd" / "standalone.js").read_bytes()
    facts = the_facts()
    segment = SnippetFacts(
        write_key=facts.write_key, cdn_host="cdn.segment.com", api_host="api.segment.io", alias=""
    )
    before_switch = build_snippet("html", segment, is_standard=True)
    seen = []
    async with a_site(tmp_path) as (front, tab):
        front.cdn_hosts.add("cdn.segment.com")  # settings and chunks as any CDN has them
        front.api_hosts.add("api.segment.io")
        await tab.page.route("https://cdn.segment.com/**/analytics.min.js", _serve(stock))
        for page in (before_switch, build_snippet("html", facts), before_switch):
            await visit(front, tab, page)
            if not seen:
                await tab.page.evaluate("analytics.identify('user-1', {plan: 'pro'})")
                await tab.page.wait_for_function("() => document.cookie.includes('ajs_user_id')")
            cookies = await tab.page.context.cookies(SITE)
            stored = await tab.page.evaluate("Object.fromEntries(Object.entries(localStorage))")
            seen.append(
                (
                    {one["name"]: one["value"] for one in cookies},
                    {name: value for name, value in stored.items() if name.startswith("ajs_")},
                )
            )
            ids = {one.get("anonymousId") for one in front.messages() if "type" in one}

            assert ids == {seen[0][0]["ajs_anonymous_id"]}

    assert seen[0][0]["ajs_user_id"] == "user-1"
    assert seen[1] == seen[0]
    assert seen[2] == seen[0]


def _umd() -> bytes:
    return (ANALYTICS_NEXT / "dist" / "umd" / "index.js").read_bytes()


def _serve(script: bytes) -> Any:
    async def fulfil(route: Route) -> None:
        await route.fulfill(body=script, content_type="text/javascript")

    return fulfil
