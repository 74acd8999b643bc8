"""Chromium's own verdict on a table of policies, beside ours."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Page, Route

from firstparty.csp.check import build_change
from firstparty.csp.evaluate import Attempt, Kind, build_hash, find_blocking_directive
from firstparty.csp.needs import build_page_needs, build_pixel_needs
from firstparty.csp.policy import Delivery, parse_policies
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.html import build_html_snippet
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM, running_chromium

pytestmark = pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM)

FACTS = SnippetFacts(
    write_key="WK", cdn_host="evs.cdp.shop.test", api_host="api.cdp.shop.test", alias="ab/cd"
)
EVS, API, PAGE = FACTS.cdn_origin, FACTS.api_origin, "https://www.shop.test/"
SNIPPET = build_html_snippet(FACTS)
[INLINE] = re.findall(r"<script>(.*)</script>", SNIPPET, re.DOTALL)
HASH = build_hash(INLINE)
SETTINGS, EVENTS = f"{EVS}/v1/projects/WK/settings", f"{API}/v1/t"
ATTEMPTS = {
    "inline": Attempt(kind=Kind.INLINE, text=INLINE, nonce="n0"),
    "script": Attempt(kind=Kind.SCRIPT, url=FACTS.alias_url),
    "settings": Attempt(kind=Kind.CONNECT, url=SETTINGS),
    "events": Attempt(kind=Kind.CONNECT, url=EVENTS),
    "image": Attempt(kind=Kind.IMAGE, url=FACTS.pixel_url),
}
LOOK = """async ([script, settings, events, image]) => {
  const loaded = (make) => new Promise((done) => {
    try {
      const element = make();
      element.onload = () => done(true);
      element.onerror = () => done(false);
    } catch (error) { done(false); }
  });
  const fetched = (url) => fetch(url, {mode: "no-cors"}).then(() => true, () => false);
  return {
    inline: !!(window.analytics && window.analytics.invoked),
    script: await loaded(() => {
      const element = document.createElement("script");
      element.src = script;
      document.head.append(element);
      return element;
    }),
    settings: await fetched(settings),
    events: await fetched(events),
    image: await loaded(() => { const made = new Image(); made.src = image; return made; }),
  };
}"""
PIXEL = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
PIXEL += b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"


@dataclass(frozen=True)
class Site:
    """A page's policies, as it gets them."""

    header: str = ""
    report_only: str = ""
    meta: str = ""

    def __str__(self) -> str:
        return " | ".join(part for part in (self.header, self.report_only, self.meta) if part)


SITES = [
    *(
        Site(header=policy)
        for policy in (
            "",
            "default-src 'none'",
            "default-src 'self'",
            "default-src *",
            "default-src * 'unsafe-inline'",
            "default-src https:",
            "default-src http: 'unsafe-inline'",
            "default-src wss:",
            f"default-src {EVS}",
            f"default-src {EVS} {API} 'unsafe-inline'",
            f"default-src 'none'; script-src {EVS} 'nonce-n0'; connect-src {EVS} {API}",
            f"script-src {EVS} 'nonce-other'",
            f"script-src {EVS} 'NONCE-n0'",
            f"script-src {EVS} 'unsafe-inline' 'nonce-other'",
            f"script-src 'unsafe-inline' {HASH}",
            f"script-src {HASH}",
            f"script-src {build_hash('other')} 'unsafe-inline'",
            f"script-src {HASH.replace('+', '-').replace('/', '_')}",
            f"script-src {HASH.replace('sha256', 'SHA256')}",
            f"script-src {HASH.replace('sha256', 'sha384')}",
            "script-src 'strict-dynamic'",
            "script-src 'strict-dynamic' 'nonce-n0'",
            "script-src 'strict-dynamic' 'nonce-other' 'unsafe-inline' https:",
            f"script-src 'strict-dynamic' {HASH}",
            f"script-src 'none'; script-src-elem {EVS} 'unsafe-inline'",
            f"script-src {EVS} 'unsafe-inline'; script-src-elem 'none'",
            f"script-src-attr 'none'; script-src {EVS} 'unsafe-inline'",
            "script-src *.cdp.shop.test; connect-src *.shop.test",
            "script-src *.evs.cdp.shop.test; connect-src *.test",
            "connect-src *://evs.cdp.shop.test https://*",
            "connect-src evs.cdp.shop.test API.CDP.SHOP.TEST",
            "connect-src http://evs.cdp.shop.test ws://api.cdp.shop.test",
            "connect-src wss://evs.cdp.shop.test ftp://api.cdp.shop.test",
            "connect-src evs.cdp.shop.test:443 api.cdp.shop.test:8443",
            "connect-src http://evs.cdp.shop.test:80 api.cdp.shop.test:80",
            "connect-src evs.cdp.shop.test:* *:443",
            "connect-src evs.cdp.shop.test:*/v1/ *:*",
            f"connect-src {SETTINGS} {API}/v1/",
            f"connect-src {EVS}/v1 {API}/v1/t/",
            f"connect-src {EVS}/ {API}/v1/T",
            f"connect-src {EVS}/v1/%70rojects/WK/settings {API}/v1/t?x",
            f"connect-src {EVS}/#a {API}.",
            f"connect-src 'none' {EVS}",
            f"CONNECT-SRC {EVS}; connect-src {API}",
            f"connect-src\t{EVS}\f{API} ;;; ; img-src {API}",
            f"connect-src {EVS} é; img-src {API}",
            f"connect-src {EVS}, connect-src {API}",
            f"connect-src {EVS} {API}, default-src 'none'",
            "connect-src",
            "img-src data:; connect-src blob: 'self'",
            "img-src https://api.cdp.shop.test/v1/pixel/track",
            "img-src api.cdp.shop.test/v1/pixel/",
            "nonsense; default-src; object-src 'none'",
            "require-trusted-types-for 'script'",
            "require-trusted-types-for 'script'; script-src 'strict-dynamic' 'nonce-n0'",
            "sandbox allow-scripts; connect-src 'self'",
            "upgrade-insecure-requests; block-all-mixed-content; base-uri 'none'",
        )
    ),
    Site(report_only="default-src 'none'"),
    Site(report_only="default-src 'none'", header=f"connect-src {API}"),
    Site(meta="default-src 'none'"),
    Site(meta=f"script-src 'nonce-n0'; connect-src {API}; sandbox"),
    Site(meta=f"connect-src {EVS}, connect-src {API}"),
    Site(meta=f"connect-src {API}", header=f"connect-src {EVS} {API}; img-src 'none'"),
]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A tab in which every address answers by itself: nothing leaves the browser."""
    async with running_chromium() as browser:
        yield await browser.new_page()


def our_verdict(site: Site) -> dict[str, bool]:
    policies = [
        *parse_policies(site.header),
        *parse_policies(site.meta, Delivery.META),
    ]
    return {
        name: not any(find_blocking_directive(policy, attempt, page=PAGE) for policy in policies)
        for name, attempt in ATTEMPTS.items()
    }


async def chromium_verdict(page: Page, site: Site) -> Any:
    headers = {
        "Content-Security-Policy": site.header,
        "Content-Security-Policy-Report-Only": site.report_only,
    }
    meta = f'<meta http-equiv="Content-Security-Policy" content="{site.meta}">' if site.meta else ""
    snippet = SNIPPET.replace("<script>", '<script nonce="n0">')

    async def answer(route: Route) -> None:
        kind = route.request.resource_type
        if kind == "document":
            await route.fulfill(
                headers={name: value for name, value in headers.items() if value},
                content_type="text/html; charset=utf-8",
                body=f"<!doctype html><head>{meta}{snippet}</head>",
            )
        elif kind == "image":
            await route.fulfill(body=PIXEL, content_type="image/gif")
        else:
            await route.fulfill(body="", content_type="text/javascript")

    await page.unroute_all()
    await page.route("**/*", answer)
    await page.goto(PAGE)
    urls = [FACTS.alias_url, SETTINGS, EVENTS, FACTS.pixel_url]
    return await page.evaluate(LOOK, urls)


async def test_chromium_decides_as_we_do_on_every_policy_of_the_table(page: Page) -> None:
    ours = {str(site): our_verdict(site) for site in SITES}
    theirs = {str(site): await chromium_verdict(page, site) for site in SITES}
    differ = [
        f"{site}: {name} is {theirs[site][name]}"
        for site, verdict in ours.items()
        for name in verdict
        if verdict[name] != theirs[site][name]
    ]

    assert len(ours) >= 60
    assert len({json.dumps(verdict) for verdict in theirs.values()}) >= 10
    assert not differ, "\n".join(differ)


@pytest.mark.parametrize("header", ["sandbox", "sandbox allow-forms", "sandbox allow-scripts"])
async def test_chromium_runs_a_sandboxed_snippet_where_we_say_so(page: Page, header: str) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(
            headers={"Content-Security-Policy": header},
            content_type="text/html",
            body="<!doctype html><title>before</title><script>document.title = 'ran'</script>",
        )

    await page.route("**/*", answer)
    await page.goto(PAGE)

    assert (await page.title() == "ran") is our_verdict(Site(header=header))["inline"]


async def test_chromium_allows_everything_once_a_policy_has_what_it_lacked(page: Page) -> None:
    needs = (
        *build_page_needs(
            inline=INLINE,
            script_url=FACTS.alias_url,
            cdn_origin=EVS,
            api_origin=API,
            write_key="WK",
        ),
        *build_pixel_needs(pixel_url=FACTS.pixel_url, api_origin=API),
    )
    changes = [
        build_change(policy, needs, page=PAGE)
        for site in SITES[::2]
        for policy in parse_policies(site.header)
    ]
    changed = [str(change.changed) for change in changes if not change.obstacles]
    verdicts = {policy: await chromium_verdict(page, Site(header=policy)) for policy in changed}

    assert len(verdicts) >= 20
    assert [policy for policy, said in verdicts.items() if not all(said.values())] == []
