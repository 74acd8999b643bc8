"""The console of a running product in Chromium: live messages, the ledger, proxies, tokens."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.fakes.chromium import running_chromium
from tests.running import RunningDemo

pytestmark = pytest.mark.needs("chromium")
expect.set_options(timeout=20_000)


@pytest.fixture
async def page(demo: RunningDemo) -> AsyncIterator[Page]:
    """A page of somebody who has signed in."""
    console = demo.report["console"]
    async with running_chromium() as browser:
        page = await browser.new_page(base_url=console["url"])
        await page.goto("/sign-in")
        await page.fill("#email", console["email"])
        await page.fill("#password", console["password"])
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(re.compile("/domains$"))
        yield page


async def test_the_debugger_shows_a_message_as_it_arrives_and_what_became_of_it(
    demo: RunningDemo, page: Page
) -> None:
    complaints: list[str] = []
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    await page.get_by_role("link", name="Messages").click()
    await expect(page.locator("#live-state")).to_have_text("listening")

    send(demo, {"type": "track", "userId": "u", "event": "Seen <b>live</b>"})
    row = page.locator("#live > li", has_text="Seen <b>live</b>")
    await expect(row.locator(".outcome")).to_have_text("delivered")
    await row.locator("summary").click()
    await expect(row.locator("pre")).to_contain_text('"event": "Seen <b>live</b>"')
    await expect(row).to_contain_text("messageId added")

    assert complaints == []


async def test_the_debugger_can_be_paused_and_searched(demo: RunningDemo, page: Page) -> None:
    await page.get_by_role("link", name="Messages").click()
    await expect(page.locator("#live-state")).to_have_text("listening")
    await page.get_by_role("button", name="Pause").click()
    send(demo, {"type": "track", "userId": "u", "event": "While paused"})
    await expect(page.locator("#live-pause")).to_contain_text("1 held")
    shown_while_paused = await page.locator("#live > li").count()
    await page.locator("#live-pause").click()
    await expect(page.locator("#live > li", has_text="While paused")).to_be_visible()
    await page.fill("#live-search", "nothing has this")
    await expect(page.locator("#live > li", has_text="While paused")).to_be_hidden()
    await page.fill("#live-search", "while PAUSED")
    await expect(page.locator("#live > li", has_text="While paused")).to_be_visible()

    assert shown_while_paused == 0


async def test_a_dead_letter_is_shown_with_its_reason_and_counted_in_the_ledger(
    demo: RunningDemo, page: Page
) -> None:
    send(demo, "not an object", {"type": "track", "userId": "u", "event": "Good neighbour"})
    await page.get_by_role("link", name="Messages").click()

    async def counts() -> list[str]:
        await page.get_by_role("link", name="Ledger").click()
        row = page.get_by_role("row", name=re.compile(demo.source("python")["name"]))
        return await row.get_by_role("cell").all_inner_texts()

    while (seen := await counts())[2] != "0":  # waiting
        pass
    accepted, delivered, waiting, dead, expired, replayed, *_ = (
        int(re.sub(r"\D", "", one)) for one in seen
    )
    await page.get_by_role("link", name="Dead letters").click()
    letter = page.locator(".stream > li").first
    await letter.locator("summary").click()

    await expect(letter).to_contain_text("a message is a JSON object")
    await expect(letter.locator("pre")).to_have_text('"not an object"')
    assert dead >= 1
    assert accepted == delivered + waiting + dead + expired - replayed


async def test_a_token_is_shown_once_works_and_is_revoked(demo: RunningDemo, page: Page) -> None:
    await page.get_by_role("link", name="Workspace").click()
    await page.get_by_role("link", name="API tokens").click()
    await page.get_by_role("button", name="Make the token").click()
    await expect(page.locator("#name-wrong")).to_be_visible()
    await page.fill("#name", "Deployment of the shop")
    await page.select_option("#role", "viewer")
    await page.get_by_role("button", name="Make the token").click()
    bearer = await page.locator("#bearer").inner_text()

    async def ask() -> int:
        async with httpx.AsyncClient(base_url=demo.report["console"]["url"]) as call:
            answer = await call.get(
                "/api/v1/sources", headers={"authorization": f"Bearer {bearer}"}
            )
            return answer.status_code

    while_it_lives = await ask()
    await page.get_by_role("link", name="API tokens").click()
    is_shown_again = await page.get_by_text(bearer).count()
    await page.get_by_role("button", name="Revoke Deployment of the shop").click()
    await expect(page.get_by_role("status").first).to_contain_text("revoked")

    assert (while_it_lives, await ask()) == (200, 401)
    assert is_shown_again == 0


async def test_a_proxy_is_generated_and_its_check_tells_what_is_wrong(
    demo: RunningDemo, page: Page
) -> None:
    await page.get_by_role("link", name="Proxies").click()
    await page.select_option("#source", demo.source("javascript")["id"])
    await page.select_option("#provider", "nginx")
    await page.fill("#cdn_host", "https://wrong.shop.test/path")
    await page.get_by_role("button", name="Generate").click()
    await expect(page.locator("#cdn_host-wrong")).to_contain_text("without https://")
    await page.fill("#cdn_host", "evs.own.shop.test")
    await page.fill("#api_host", "api.own.shop.test")
    await page.get_by_role("button", name="Generate").click()
    await expect(page.locator("#file-1")).to_contain_text("proxy_pass")
    await page.get_by_role("link", name="Check it from here").click()
    await expect(page.locator("#cdn")).to_have_value("https://evs.own.shop.test")
    await page.fill("#cdn", "https://127.0.0.1:9")
    await page.fill("#api", "")
    await page.get_by_role("button", name="Check").click()
    await expect(page.locator(".verdict-note")).to_contain_text("failed")

    assert await page.locator("details.result.fail[open]").count() >= 1


async def test_the_doctor_looks_at_everything_of_a_domain_on_its_page(
    demo: RunningDemo, page: Page
) -> None:
    await page.get_by_role("link", name=demo.domain["name"]).click()
    await page.get_by_role("link", name="All checks").click()
    await page.get_by_role("button", name="Look now").click()
    await expect(page.locator(".verdict-note")).to_be_visible()
    titles = await page.locator("details.result summary").all_inner_texts()

    assert len(titles) >= 7
    assert [title for title in titles if title.startswith("fail")] == []
    assert await page.locator("details.result.pass").count() >= 6


async def test_the_address_of_a_page_must_be_one_and_a_private_one_is_not_asked(
    page: Page,
) -> None:
    await page.get_by_role("link", name="Proxies").click()
    await page.get_by_role("link", name="Check a page").click()
    await page.fill("#url", "not an address")
    await page.get_by_role("button", name="Look").click()
    await expect(page.locator("#url-wrong")).to_be_visible()
    await page.fill("#url", "https://127.0.0.1/")
    await page.get_by_role("button", name="Look").click()
    await expect(page.locator(".verdict-note")).to_be_visible()

    assert await page.locator("details.result.pass").count() == 0


def send(demo: RunningDemo, *messages: object) -> None:
    """A batch of the Python source, through the edge."""
    key = demo.source("python")["write_key"]
    answer = demo.request(
        "POST",
        f"{demo.api_origin}/v1/batch",
        headers={"content-type": "application/json"},
        body=httpx.Request(
            "POST", "https://x", json={"writeKey": key, "batch": list(messages)}
        ).content,
    )
    assert answer.status_code == 200, answer.text


async def test_an_operator_sees_what_runs_what_the_edge_took_and_where_traffic_came_from(
    page: Page, demo: RunningDemo
) -> None:
    await page.goto("/operator/system")
    processes = page.locator("table")
    for role in ("ads", "ingest", "nameserver", "control"):
        await expect(
            processes.get_by_role("rowheader", name=re.compile(role)).first
        ).to_be_visible()
    await expect(page.get_by_text("takes what it is told")).to_be_visible()
    await page.get_by_role("link", name="Analytics.js").click()
    await expect(page.get_by_text("comes with this installation")).to_be_visible()

    workspace, source = demo.report["workspace"]["id"], demo.source("javascript")["id"]
    await page.goto(f"/workspaces/{workspace}/sources/{source}/traffic?period=day")

    async def has_come() -> bool:
        await page.reload()
        return await page.locator("svg rect.good").count() > 0

    async with asyncio.timeout(60):  # counts are said every few seconds
        while not await has_come():
            await asyncio.sleep(1)
