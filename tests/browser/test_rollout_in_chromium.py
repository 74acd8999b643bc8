import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import Page

from firstparty.model.feed import Topic
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.html import build_html_snippet
from firstparty.store import feed
from firstparty.store.engine import Store
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

DEFAULT_CDN, DEFAULT_API = "cdn.fp.test", "api.fp.test"
SITE = f"https://{SITE_HOST}/"
# Two destinations, so that a chunk is loaded too.
SETTINGS: dict[str, Any] = {
    "integrations": {"Segment.io": {}},
    "middlewareSettings": {"routingRules": [{"matchers": [], "scope": "", "target_type": ""}]},
}


def publish(store: Store, *, share: int) -> None:
    source = a_source(
        settings=SETTINGS,
        share=share,
        default_cdn=f"https://{DEFAULT_CDN}",
        default_api=f"{DEFAULT_API}/v1",
    )
    default = a_domain(source, id="dom_2", cdn_host=DEFAULT_CDN, api_host=DEFAULT_API)
    with store.write() as connection:
        for domain in (a_domain(source), default):
            body = msgspec.json.encode(domain)
            feed.publish(connection, Topic.EDGE, domain.id, body)


@contextlib.asynccontextmanager
async def a_site(folder: Path, snippet: str, *, share: int) -> AsyncIterator[tuple[Front, Tab]]:
    store = a_store(folder)
    publish(store, share=share)
    async with (
        running_cdn(folder, store) as cdn,
        running_front(folder, cdn=cdn) as front,
        running_tab(*whole_internet_at(front.port, spki=front.spki)) as tab,
    ):
        await until_known(cdn)
        front.page = f"<!doctype html><title>Shop</title>{snippet}"
        front.cdn_hosts.add(DEFAULT_CDN)
        front.api_hosts.add(DEFAULT_API)
        yield front, tab


def a_snippet(*, is_standard: bool = False, global_name: str = "analytics") -> str:
    source = a_source()
    facts = SnippetFacts(
        write_key=source.write_key, cdn_host=CDN_HOST, api_host=API_HOST, alias=source.alias
    )
    return build_html_snippet(facts, is_standard=is_standard, global_name=global_name)


async def visit(front: Front, page: Page, name: str = "analytics") -> set[str]:
    """One load of the page until its page call has arrived; the hosts beside the site's own."""
    front.seen.clear()
    await page.goto(SITE)
    await page.wait_for_function(f"() => window.{name}.initialized")
    await front.until_messages(lambda messages: any(one.get("type") == "page" for one in messages))
    hosts = {one.host for one in front.seen} - {SITE_HOST}
    # Chromium has errands of its own.
    return {host for host in hosts if host.endswith(".test") or "segment" in host}


async def anonymous_id(page: Page) -> str:
    cookies = await page.context.cookies()
    return next(one["value"] for one in cookies if one["name"] == "ajs_anonymous_id")


@pytest.mark.parametrize(
    ("is_standard", "global_name"),
    [(False, "analytics"), (True, "analytics"), (False, "shopEvents"), (True, "shopEvents")],
)
async def test_restored_nothing_but_the_script_is_asked_of_the_domain(
    tmp_path: Path, *, is_standard: bool, global_name: str
) -> None:
    snippet = a_snippet(is_standard=is_standard, global_name=global_name)
    async with a_site(tmp_path, snippet, share=0) as (front, tab):
        hosts = await visit(front, tab.page, global_name)
        of_the_domain = [url for url in tab.urls if CDN_HOST in url or API_HOST in url]
        chunks = [url for url in tab.urls if "/bundles/" in url]
        has_default_global = await tab.page.evaluate("'analytics' in window")

        assert hosts == {CDN_HOST, DEFAULT_CDN, DEFAULT_API}
        assert [url.rpartition(".")[2] for url in of_the_domain] == ["js"]
        assert chunks
        assert all(url.startswith(f"https://{DEFAULT_CDN}/") for url in chunks)
        assert has_default_global is (global_name == "analytics")
        assert tab.complaints == []


async def test_a_restore_and_its_undo_hold_from_the_next_load_on(tmp_path: Path) -> None:
    async with a_site(tmp_path, a_snippet(), share=100) as (front, tab):
        seen = [await visit(front, tab.page)]
        identities = [await anonymous_id(tab.page)]
        for share in (0, 100):
            with contextlib.closing(Store(f"sqlite:///{tmp_path / 'store.db'}")) as store:
                publish(store, share=share)
            await tab.page.wait_for_timeout(1_500)  # the role polls each second
            seen.append(await visit(front, tab.page))
            identities.append(await anonymous_id(tab.page))

        assert seen == [
            {CDN_HOST, API_HOST},
            {CDN_HOST, DEFAULT_CDN, DEFAULT_API},
            {CDN_HOST, API_HOST},
        ]
        assert len(set(identities)) == 1


async def test_a_visitor_of_a_share_stays_where_they_are_and_keeps_their_id(
    tmp_path: Path,
) -> None:
    """New visitors at one half, until there was one on either side; each load decides the same."""
    async with a_site(tmp_path, a_snippet(), share=50) as (front, tab):
        browser = tab.page.context.browser
        assert browser is not None
        sides: list[list[bool]] = []
        ids: list[str] = []
        while len({side[0] for side in sides}) < 2 and len(sides) < 20:
            context = await browser.new_context()
            page = await context.new_page()
            sides.append([API_HOST in await visit(front, page) for _ in range(2)])
            ids.append(await anonymous_id(page))
            sent = {one["anonymousId"] for one in front.messages() if "anonymousId" in one}

            await context.close()

            assert sent == {ids[-1]}

        assert all(len(set(side)) == 1 for side in sides), sides
        assert len({side[0] for side in sides}) == 2, sides
        assert len(set(ids)) == len(sides)


async def test_a_visitor_of_before_is_decided_by_the_id_that_they_have(tmp_path: Path) -> None:
    # FNV-1a of "a" is 0xE40C292C, of which 20 is left modulo 100.
    async with a_site(tmp_path, a_snippet(), share=21) as (front, tab):
        cookie = {"name": "ajs_anonymous_id", "value": "a", "domain": ".shop.test", "path": "/"}
        await tab.page.context.add_cookies([cookie])  # type: ignore[list-item]
        inside = await visit(front, tab.page)

        assert 0xE40C292C % 100 == 20
        assert inside == {CDN_HOST, API_HOST}
        assert await anonymous_id(tab.page) == "a"

    (tmp_path / "again").mkdir()
    async with a_site(tmp_path / "again", a_snippet(), share=20) as (front, tab):
        await tab.page.context.add_cookies([cookie])  # type: ignore[list-item]

        assert await visit(front, tab.page) == {CDN_HOST, DEFAULT_CDN, DEFAULT_API}
