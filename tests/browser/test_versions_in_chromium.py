"""Two versions of Analytics.js on one machine: each source its own, with its own chunks."""

from pathlib import Path
from typing import Any

import pytest

from firstparty.cdn.bundles import open_library, take_over
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.html import build_html_snippet
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
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM, running_tab, whole_internet_at
from tests.fakes.tls_front import SITE_HOST, running_front

EARLIER = PACKAGES / "analytics-next-earlier"
OLD_VERSION, NEW_VERSION = "1.81.1", "1.84.3"  # of package.json

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM),
    pytest.mark.skipif(not (ANALYTICS_NEXT.exists() and EARLIER.exists()), reason=WITHOUT_NPM),
]

# A rule that drops nothing, so that a chunk is needed: one in which the versions differ.
SETTINGS: dict[str, Any] = {
    "integrations": {"Segment.io": {}},
    "middlewareSettings": {"routingRules": [{"matchers": [], "scope": "", "target_type": ""}]},
}


def chunk_of(package: Path) -> str:
    (chunk,) = (package / "dist" / "umd").glob("tsub-middleware.bundle.*.js")
    return f"https://{CDN_HOST}/analytics-next/bundles/{chunk.name}"


@pytest.mark.parametrize(
    ("pinned", "version", "package"),
    [(OLD_VERSION, OLD_VERSION, EARLIER), ("", NEW_VERSION, ANALYTICS_NEXT)],
    ids=["pinned", "newest"],
)
async def test_a_source_gets_its_version_and_the_chunks_of_that(
    tmp_path: Path, pinned: str, version: str, package: Path
) -> None:
    state = tmp_path / "cdn"
    open_library(PACKAGES, state)
    take_over(EARLIER, state)
    other = a_source("WK2", alias="other/alias", script_version="" if pinned else OLD_VERSION)
    source = a_source(settings=SETTINGS, script_version=pinned)
    facts = SnippetFacts(
        write_key=source.write_key, cdn_host=CDN_HOST, api_host=API_HOST, alias=source.alias
    )
    async with (
        running_cdn(tmp_path, a_store(tmp_path, a_domain(source, other))) as cdn,
        running_front(tmp_path, cdn=cdn) as front,
        running_tab(*whole_internet_at(front.port, spki=front.spki)) as tab,
    ):
        await until_known(cdn)
        front.page = f"<!doctype html><title>Shop</title>{build_html_snippet(facts)}"
        await tab.page.goto(f"https://{SITE_HOST}/")
        messages = await front.until_messages(lambda some: len(some) > 0, seconds=60)
        both = [
            (await cdn.get(url.replace(f"https://{CDN_HOST}", "http://cdn"), headers=HOST)).status
            for url in map(chunk_of, (EARLIER, ANALYTICS_NEXT))
        ]

    assert messages[0]["context"]["library"]["version"] == f"next-{version}"
    assert {url for url in tab.urls if "/tsub-middleware" in url} == {chunk_of(package)}
    assert both == [200, 200]
    assert tab.hosts == {SITE_HOST, CDN_HOST, API_HOST}
    assert tab.complaints == []


HOST = {"Host": CDN_HOST}
