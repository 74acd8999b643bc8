"""Chromium on the shop page: the real Analytics.js through the edge, over HTTP/2."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from tests.running import RunningDemo, until

FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.shop.test 127.0.0.1",
]

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS
        )
        context = await browser.new_context(ignore_https_errors=True)
        yield await context.new_page()
        await browser.close()


async def test_the_shop_page_is_first_party_from_script_to_message(
    demo: RunningDemo, page: Page
) -> None:
    asked: list[str] = []
    answered: list[dict[str, Any]] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    network = await page.context.new_cdp_session(page)
    await network.send("Network.enable")
    network.on("Network.responseReceived", lambda event: answered.append(event["response"]))
    before = demo.received_ids()

    await page.goto(demo.report["shop"])
    await page.evaluate("analytics.track('Bought in Chromium', {total: 7})")
    await page.wait_for_function("window.analytics && analytics.initialized")
    until(
        lambda: any(
            one["message"].get("event") == "Bought in Chromium"
            for one in demo.received()
            if one["message"]["messageId"] not in before
        )
    )
    async with asyncio.timeout(60):  # the browser tells of its answer a moment later
        while not any("//api." in one["url"] for one in answered):
            await asyncio.sleep(0.05)

    edge = [one for one in answered if ".cdp.shop.test" in one["url"]]
    assert [url for url in asked if "segment" in url.split("/")[2]] == []
    assert {one["protocol"] for one in edge} == {"h2"}
    assert {one["status"] for one in edge} <= {200, 204}
    assert {one["url"].split("/")[2].partition(".")[0] for one in edge} == {"evs", "api"}
    assert complaints == []


SIX = """async () => {
  const sent = [
    await analytics.identify("outage", {plan: "demo"}),
    await analytics.track("Outage"),
    await analytics.page("Outage"),
    await analytics.screen("Outage"),
    await analytics.group("outage"),
    await analytics.alias("outage", "before"),
  ]
  return sent.map(context => [context.event.messageId, context.event.type])
}"""


async def test_what_a_page_sends_while_the_upstream_is_away_arrives_once(
    demo: RunningDemo, page: Page
) -> None:
    taken: list[str] = []
    page.on("response", lambda answer: taken.append(answer.url.rpartition("/v1/")[2]))
    await page.goto(demo.report["shop"])
    await page.wait_for_function("window.analytics && analytics.initialized")
    demo.control_upstream("down")
    try:
        kinds = dict(await page.evaluate(SIX))
    finally:
        demo.control_upstream("ok")
    until(lambda: set(kinds) <= demo.received_ids(), seconds=60)
    messages = [one["message"] for one in demo.received()]
    arrived = [one for one in messages if one["messageId"] in kinds]

    assert set("itpsga") <= set(taken)
    assert {one["messageId"]: one["type"] for one in arrived} == kinds
    assert len(arrived) == len(set(kinds.values())) == 6
