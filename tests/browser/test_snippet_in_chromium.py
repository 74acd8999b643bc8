import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

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
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM, Tab, running_tab, whole_internet_at
from tests.fakes.tls_front import SITE_HOST, Front, running_front

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM),
    pytest.mark.skipif(not ANALYTICS_NEXT.exists(), reason=WITHOUT_NPM),
]

SITE = f"https://{SITE_HOST}/?ajs_event=From%20Link&ajs_aid=anonymous-1"
# What makes the library fetch chunks: a plan among the load options, a routing rule among the
# settings, and the query string above.
PLAN = {"plan": {"track": {"__default": {"enabled": True, "integrations": {}}}}}
SETTINGS: dict[str, Any] = {
    "integrations": {"Segment.io": {"apiHost": "api.segment.io/v1"}},
    "middlewareSettings": {
        "routingRules": [
            {
                "matchers": [{"ir": '["=","event",{"value":"Dropped"}]', "type": "fql"}],
                "scope": "destinations",
                "target_type": "workspace::project::destination",
                "transformers": [[{"type": "drop"}]],
                "destinationName": "Nowhere",
            }
        ]
    },
    "metrics": {"sampleRate": 1, "host": "api.segment.io/v1"},
}


def the_facts(*, https_port: int = 443) -> SnippetFacts:
    source = a_source()
    return SnippetFacts(
        write_key=source.write_key,
        cdn_host=CDN_HOST,
        api_host=API_HOST,
        alias=source.alias,
        https_port=https_port,
    )


def without_cdn(snippet: str) -> str:
    """The snippet as one that never had ``_cdn``, so that only the served script can know."""
    assert "stub._cdn = cdn;" in snippet
    return snippet.replace("stub._cdn = cdn;", "")


def has_all(*wanted: str) -> Callable[[list[dict[str, Any]]], bool]:
    """Whether messages of all these types, or events of all these names, are there."""
    return lambda messages: (
        set(wanted) <= {name for one in messages for name in (one.get("type"), one.get("event"))}
    )


@contextlib.asynccontextmanager
async def a_visit(
    folder: Path, snippet: str, *, stock: bytes | None = None, https_port: int = 443
) -> AsyncIterator[tuple[Front, Tab]]:
    """A visitor on the site's page; ``stock`` is served as the script instead of ours."""
    store = a_store(folder, a_domain(a_source(settings=SETTINGS)))
    async with (
        running_cdn(folder, store, https_port=https_port) as cdn,
        running_front(folder, cdn=cdn) as front,
        running_tab(*whole_internet_at(front.port, spki=front.spki)) as tab,
    ):
        await until_known(cdn)
        if stock is not None:
            await tab.page.route(
                "**/*.min.js",
                lambda route: route.fulfill(body=stock, content_type="text/javascript"),
            )
        front.page = f"<!doctype html><title>Shop</title>{snippet}"
        await tab.page.goto(SITE)
        yield front, tab


@pytest.mark.parametrize(
    ("is_standard", "has_cdn", "global_name"),
    [
        pytest.param(True, False, "analytics", id="a: standard path"),
        pytest.param(False, True, "analytics", id="b: alias"),
        pytest.param(False, False, "analytics", id="b2: alias, no _cdn"),
        pytest.param(False, True, "shopEvents", id="c: alias, renamed"),
        pytest.param(True, False, "shopEvents", id="c1: standard path, renamed, no _cdn"),
        pytest.param(True, True, "shopEvents", id="c2: standard path, renamed"),
    ],
)
async def test_the_real_library_stays_first_party(
    tmp_path: Path, *, is_standard: bool, has_cdn: bool, global_name: str
) -> None:
    snippet = build_html_snippet(
        the_facts(), is_standard=is_standard, global_name=global_name, load_options=PLAN
    )
    async with a_visit(tmp_path, snippet if has_cdn else without_cdn(snippet)) as (front, tab):
        await tab.page.evaluate(f"window.{global_name}.track('Clicked', {{total: 1}})")
        await tab.page.wait_for_function(f"() => window.{global_name}.initialized")
        sent = await front.until_messages(has_all("page", "Clicked", "From Link"))
        chunks = {url.rpartition("/")[2].partition(".")[0] for url in tab.urls if "bundles" in url}
        has_default_global = await tab.page.evaluate("'analytics' in window")

        assert {"page", "track"} == {message["type"] for message in sent if "type" in message}
        assert tab.hosts == {SITE_HOST, CDN_HOST, API_HOST}
        assert not [one.host for one in front.seen if "segment" in one.host]
        assert {"schemaFilter", "tsub-middleware", "queryString"} <= chunks
        assert tab.complaints == []
        assert has_default_global is (global_name == "analytics")


async def test_the_stock_library_with_a_renamed_global_would_leave_for_segment(
    tmp_path: Path,
) -> None:
    """The control: the same visit with the package's file as it is must be caught."""
    stock = (ANALYTICS_NEXT / "dist" / "umd" / "standalone.js").read_bytes()
    snippet = build_html_snippet(the_facts(), global_name="shopEvents")
    async with a_visit(tmp_path, snippet, stock=stock) as (front, tab):
        async with asyncio.timeout(30):
            while not [one for one in front.seen if one.host == "cdn.segment.com"]:
                await asyncio.sleep(0.02)

        assert "cdn.segment.com" in tab.hosts


async def test_a_page_call_keeps_the_place_where_it_was_made(tmp_path: Path) -> None:
    snippet = build_html_snippet(the_facts())
    moved = f"{snippet}<script>history.pushState({{}}, '', '/later')</script>"
    async with a_visit(tmp_path, moved) as (front, _):
        sent = await front.until_messages(has_all("page"))
        page = next(message for message in sent if message.get("type") == "page")

        assert page["context"]["page"]["url"] == SITE
        assert page["properties"]["path"] == "/"
        assert "bpc" not in str(page)


async def test_without_consent_nothing_is_loaded_stored_or_sent(tmp_path: Path) -> None:
    snippet = build_html_snippet(the_facts(), waits_for_consent=True)
    async with a_visit(tmp_path, snippet) as (front, tab):
        await tab.page.evaluate("window.analytics.track('Early')")
        hosts_before = set(tab.hosts)
        stored = "[document.cookie, localStorage.length, sessionStorage.length]"
        stored_before = await tab.page.evaluate(stored)
        agree = "document.dispatchEvent(new Event('analytics-consent'))"
        await tab.page.evaluate(f"{agree}; {agree}")
        sent = await front.until_messages(has_all("page", "Early"))

        assert hosts_before == {SITE_HOST}
        assert stored_before == ["", 0, 0]
        assert {"page", "Early"} <= {one.get("event", one.get("type")) for one in sent}
        assert len([url for url in tab.urls if url.endswith(".min.js")]) == 1
        assert (await tab.page.evaluate(stored))[0]


async def test_a_second_snippet_on_the_page_complains_and_sends_nothing_twice(
    tmp_path: Path,
) -> None:
    snippet = build_html_snippet(the_facts())
    async with a_visit(tmp_path, snippet + snippet) as (front, tab):
        await tab.page.wait_for_function("() => window.analytics.initialized")
        await tab.page.evaluate("window.analytics.track('Last')")
        sent = await front.until_messages(has_all("Last"))

        assert len([one for one in sent if one.get("type") == "page"]) == 1
        assert len([url for url in tab.urls if url.endswith(".min.js")]) == 1
        assert tab.complaints == ["The analytics snippet is on this page twice."]


async def test_load_options_reach_the_library_and_another_https_port_is_kept(
    tmp_path: Path,
) -> None:
    snippet = build_html_snippet(
        the_facts(https_port=8443),
        load_options={"obfuscate": True, "note": "</script>\u2028<!--"},
        has_page_call=False,
    )
    async with a_visit(tmp_path, snippet, https_port=8443) as (front, tab):
        await tab.page.evaluate("window.analytics.track('Clicked')")
        await tab.page.wait_for_function("() => window.analytics.initialized")
        sent = await front.until_messages(has_all("Clicked"))
        options = await tab.page.evaluate("window.analytics.options")

        assert "page" not in {one.get("type") for one in sent}
        assert options["note"] == "</script>\u2028<!--"
        assert f"https://{API_HOST}:8443/v1/t" in tab.urls
        assert tab.hosts == {SITE_HOST, CDN_HOST, API_HOST}
