"""The site check of pages as owners have them, with the real Analytics.js in a real Chromium."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from firstparty.sitecheck.check import Visited
from firstparty.sitecheck.judge import judge_privacy, judge_visit
from firstparty.sitecheck.remarks import Remark, SiteSource
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
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM
from tests.fakes.site_lab import Handler, SiteLab, running_lab
from tests.fakes.site_visits import list_browsers, visits_of

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM),
    pytest.mark.skipif(not ANALYTICS_NEXT.exists(), reason=WITHOUT_NPM),
]

PAGE = "https://www.shop.test/"
# The page tells when the library's first message was taken.
TELLS = """<script>(function () { var send = window.fetch; window.fetch = function (url) {
return send.apply(window, arguments).then(function (answer) {
if (/\\/v1\\/p$/.test(String(url))) send("/sent"); return answer; }); }; })();</script>"""
SETTINGS = {"integrations": {"Segment.io": {"apiHost": "api.segment.io/v1"}}}
FACTS = SnippetFacts(
    write_key="WK1", cdn_host=CDN_HOST, api_host=API_HOST, alias="mU51Acorm/go18rexsDt"
)
WEB = SiteSource(
    id="src_WK1",
    name="Web shop",
    write_key=FACTS.write_key,
    cdn_host=CDN_HOST,
    api_host=API_HOST,
    script_url=FACTS.alias_url,
    alias_path=FACTS.alias,
)
# As pages had it for years, cut down to what loads the library.
OLD_SNIPPET = """<script>
!function(){var analytics=window.analytics=window.analytics||[];
analytics.methods=["page","track"];analytics.factory=function(e){return function(){
var t=Array.prototype.slice.call(arguments);t.unshift(e);analytics.push(t);return analytics}};
for(var i=0;i<analytics.methods.length;i++){var key=analytics.methods[i];
analytics[key]=analytics.factory(key)}
analytics.load=function(key){var t=document.createElement("script");t.async=true;
t.src="https://cdn.segment.com/analytics.js/v1/"+key+"/analytics.min.js";
document.head.appendChild(t)};analytics.SNIPPET_VERSION="4.13.1";
analytics._writeKey="WK1";analytics.load("WK1");analytics.page()}();
</script>"""


@contextlib.asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[SiteLab]:
    """The internet, with our CDN host on it, and with Segment's, which has the stock library."""
    store = a_store(folder, a_domain(a_source(settings=SETTINGS)))
    async with running_cdn(folder, store) as cdn, running_lab(folder) as lab:
        await until_known(cdn)
        lab.pages[CDN_HOST] = _hand_on_to(cdn)
        stock = (ANALYTICS_NEXT / "dist" / "umd" / "standalone.js").read_text()
        lab.text("cdn.segment.com/analytics.js/v1/WK1/analytics.min.js", stock)
        lab.text(
            "cdn.segment.com/v1/projects/WK1/settings",
            '{"integrations": {"Segment.io": {"apiKey": "WK1"}}}',
            "application/json",
        )
        yield lab


def _hand_on_to(cdn: ClientSession) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        async with cdn.get(
            f"http://cdn{request.raw_path}",
            headers={"Host": CDN_HOST, "Origin": request.headers.get("Origin", "")},
        ) as answered:
            kept = [(k, v) for k, v in answered.headers.items() if k != "Content-Length"]
            return web.Response(status=answered.status, headers=kept, body=await answered.read())

    return answer


def page_with(lab: SiteLab, head: str) -> str:
    """A page that is done when its first message was taken."""
    held = lab.hold("www.shop.test/sent")
    return f"<html><head>{TELLS}{head}</head><body>{held}</body></html>"


def remarks_of(visits: list[Visited]) -> dict[str, Remark]:
    remarks = [
        *judge_visit(visits[0].visit, (WEB,), find_policy_lines=lambda *_: ("script-src …",)),
        *(judge_privacy(one.visit) for one in visits[1:]),
    ]
    return {one.code: one for one in remarks}


async def test_a_page_with_our_snippet_is_well_and_its_messages_stay_here(tmp_path: Path) -> None:
    snippet = build_html_snippet(FACTS, global_name="shopData")
    async with a_site(tmp_path) as lab:
        lab.html("www.shop.test/", page_with(lab, snippet))
        visits = await visits_of(lab, PAGE, folder=tmp_path)
        found = remarks_of(visits)

    assert set(found) == {
        "snippet-found",
        "consent-none",
        "messages-seen",
        "gpc-ignored",
    }
    assert "the alias; the global renamed to shopData, Analytics.js next-" in (
        found["snippet-found"].sentence
    )
    assert "1 message (1 page)" in found["messages-seen"].sentence
    assert f"https://{API_HOST}/v1/p: answered here" in found["messages-seen"].evidence[0]
    assert {host for _, host, _ in lab.seen} == {"www.shop.test", CDN_HOST}
    assert {method for method, _, _ in lab.seen} == {"GET"}
    assert list_browsers(lab) == []


async def test_an_old_page_is_told_line_by_line(tmp_path: Path) -> None:
    tracker = "fetch('https://www.google-analytics.com/g/collect', {method: 'POST'});"
    vendor = "fetch('https://www.googletagmanager.com/hit', {method: 'POST', mode: 'no-cors'});"
    async with a_site(tmp_path) as lab:
        lab.html(
            "www.shop.test/",
            page_with(
                lab,
                f"<script>window.__tcfapi = function () {{}}; {tracker}{vendor}</script>"
                f"{OLD_SNIPPET}",
            ),
        )
        visits = await visits_of(lab, PAGE, folder=tmp_path)
        found = remarks_of(visits)

    assert set(found) == {
        "snippet-found",
        "snippet-old-host",
        "snippet-old-version",
        "settings-elsewhere",
        "events-elsewhere",
        "events-before-consent",
        "old-hosts",
        "device-mode-hosts",
        "messages-seen",
        "gpc-ignored",
    }
    assert found["snippet-old-host"].lines == (
        "- https://cdn.segment.com/analytics.js/v1/WK1/analytics.min.js",
        f"+ {FACTS.alias_url}",
    )
    assert "IAB TCF" in found["events-before-consent"].sentence
    asked = {host for _, host, _ in lab.seen}
    # What collects was not asked, whoever it belongs to.
    assert asked == {"www.shop.test", "cdn.segment.com"}


async def test_a_policy_that_blocks_the_script_is_seen_in_chromium(tmp_path: Path) -> None:
    snippet = build_html_snippet(FACTS)
    async with a_site(tmp_path) as lab:
        lab.html(
            "www.shop.test/",
            f"<html><head>{snippet}{snippet}</head><body></body></html>",
            Content_Security_Policy="script-src 'unsafe-inline'",
        )
        visits = await visits_of(lab, PAGE, folder=tmp_path)
        found = remarks_of(visits)

    assert len(visits) == 1
    assert set(found) == {
        "snippet-found",
        "snippet-twice",
        "policy-blocks",
        "consent-none",
        "messages-none",
    }
    assert found["policy-blocks"].evidence == (f"script-src-elem: {FACTS.alias_url}",)
    assert found["policy-blocks"].lines == ("script-src …",)


async def test_a_page_that_respects_the_signal_and_waits_for_consent_is_told_so(
    tmp_path: Path,
) -> None:
    snippet = build_html_snippet(FACTS).replace("<script>", "").replace("</script>", "")
    wait = (
        f"<script>if (!navigator.globalPrivacyControl) {{{snippet}}} else fetch('/sent')</script>"
    )
    async with a_site(tmp_path) as lab:
        lab.html("www.shop.test/", page_with(lab, wait))
        visits = await visits_of(lab, PAGE, folder=tmp_path)
        respects = remarks_of(visits)
        private = [one for one in lab.headers if one.get("Sec-GPC") == "1"]
        lab.html(
            "www.shop.test/",
            '<html><head><script>window.OneTrust = {};</script><script type="text/plain">'
            f"{snippet}</script></head></html>",
        )
        waits = remarks_of(await visits_of(lab, PAGE, folder=tmp_path))

    assert "gpc-respected" in respects
    assert private
    assert {"consent-waits"} <= set(waits)
    assert "events-before-consent" not in waits
