"""What a page may send and read, as Chromium decides it over HTTP/2."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

import pytest
from playwright.async_api import Page, Route, async_playwright

from tests.running import RunningDemo
from tests.story.test_browser import FLAGS

OWN, STRANGER = "https://www.shop.test", "https://stranger.example"
# Pages that no server sends belong to no network, and may otherwise not ask loopback.
ALSO: Final = "--disable-features=LocalNetworkAccessChecks"
FETCH: Final = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options)
    return [answer.status, answer.headers.get("retry-after"), await answer.json()]
  } catch (error) { return [0, null, {code: String(error)}] }
}"""

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async def answer(route: Route) -> None:
        await route.fulfill(body="<html></html>", content_type="text/html")

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*FLAGS, ALSO]
        )
        context = await browser.new_context(ignore_https_errors=True)
        page = await context.new_page()
        for origin in (OWN, STRANGER):
            await page.route(f"{origin}/*", answer)
        yield page
        await browser.close()


async def ask(demo: RunningDemo, page: Page, type_: str = "python", **options: Any) -> Any:
    message = {"type": "track", "event": "x", "writeKey": demo.source(type_)["write_key"]}
    said = {"method": "POST", "body": json.dumps(message)} | options
    return await page.evaluate(FETCH, [f"{demo.api_origin}/v1/track", said])


CREDENTIALS: Final = {"credentials": "include", "headers": {"authorization": "Basic x"}}


async def test_every_page_may_send_and_only_the_sites_own_with_credentials(
    demo: RunningDemo, page: Page
) -> None:
    answers = {}
    for origin in (OWN, STRANGER):
        await page.goto(f"{origin}/")
        plain = await ask(demo, page, headers={"authorization": "Basic x", "x-retry-count": "1"})
        answers[origin] = plain[0], (await ask(demo, page, **CREDENTIALS))[0]

    assert answers == {OWN: (200, 200), STRANGER: (200, 0)}


async def test_a_page_reads_why_it_was_refused_by_ingest_or_by_the_edge_itself(
    demo: RunningDemo, page: Page
) -> None:
    await page.goto(f"{OWN}/")
    by_ingest = await ask(demo, page, body="[]", **CREDENTIALS)
    by_edge = await ask(demo, page, body="x" * 700_000)

    assert (by_ingest[0], by_ingest[2]["code"]) == (400, "not_an_object")
    assert (by_edge[0], by_edge[2]["code"]) == (413, "payload_too_large")


async def ask_until(demo: RunningDemo, page: Page, *, is_limited: bool) -> list[Any]:
    """The answers to many requests at once, as soon as some of them, or none, met the limit."""
    async with asyncio.timeout(60):
        while True:
            answers = await asyncio.gather(
                *(ask(demo, page, "node", **CREDENTIALS) for _ in range(24))
            )
            if any(answer[0] == HTTPStatus.TOO_MANY_REQUESTS for answer in answers) is is_limited:
                return answers


async def test_a_page_reads_when_it_may_come_again(demo: RunningDemo, page: Page) -> None:
    path = f"/api/v1/sources/{demo.source('node')['id']}"
    await page.goto(f"{OWN}/")
    with demo.rest() as rest:
        assert rest.patch(path, json={"messages_per_second": 1}).status_code == 200
        try:
            answers = await ask_until(demo, page, is_limited=True)
        finally:
            rest.patch(path, json={"messages_per_second": 0})
            await ask_until(demo, page, is_limited=False)
    refused = [answer for answer in answers if answer[0] != HTTPStatus.OK]

    assert {(status, body["code"]) for status, _, body in refused} == {(429, "rate_limited")}
    assert min(int(retry_after) for _, retry_after, _ in refused) >= 1
