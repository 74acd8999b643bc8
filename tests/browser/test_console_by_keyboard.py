"""The console's first-run story in Chromium, by keyboard alone, and live without a reload."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from firstparty.model.findings import Actor, Finding
from firstparty.model.observations import Observation
from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    EdgeStatus,
    ProbeStatus,
    Statuses,
    Word,
)
from tests.console_world import EMAIL, PASSWORD, ConsoleWorld, running_console
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM, running_chromium

pytestmark = pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM)
expect.set_options(timeout=20_000)  # on a busy machine a page takes its time


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


async def test_somebody_new_signs_in_adds_source_and_domain_and_sees_the_records_by_keyboard(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    async with running_chromium() as browser:
        page = await browser.new_page(base_url=world.url)
        complaints = listen_for_complaints(page)
        await page.goto("/")
        await sign_in(page)
        await expect(page.locator("h1")).to_have_text("First steps")
        await press_until(page, "Add a source")
        await tab_to(page, "#name")
        await page.keyboard.type("Web shop")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("Web shop")
        await press_until(page, "Add a domain")
        await tab_to(page, "#name")
        await page.keyboard.type("shop.test")
        await page.keyboard.press("Enter")
        await expect(page.locator("#name")).to_be_focused()
        wrong = await page.locator("#name-wrong").text_content()
        await page.keyboard.press("ControlOrMeta+a")
        await page.keyboard.type("cdp.shop.test")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("cdp.shop.test")
        records = await page.locator("#zone-file").text_content() or ""

    assert "Choose a subdomain" in (wrong or "")
    assert records.count("cdp.shop.test. 3600 IN NS ") == 2
    assert complaints == []


async def test_a_domain_page_follows_what_the_reconciler_finds_without_a_reload(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    view = world.domain(shop, "cdp.shop.test", world.source(shop))
    async with running_chromium() as browser:
        page = await browser.new_page(base_url=world.url)
        await page.goto(f"/workspaces/{shop.id}/domains/{view.domain.id}")
        await sign_in(page)
        await page.evaluate("window.sameDocument = true")
        finding = Finding(code="not-delegated", sentence="No NS records yet.", acts=Actor.OWNER)
        waiting = Observation(
            domain_id=view.domain.id, findings=(finding,), checked_at=datetime.now(UTC)
        )
        world.observe(waiting, word=Word.WAITING)
        await expect(page.get_by_text("No NS records yet.")).to_be_visible()
        await page.evaluate(
            "getSelection().selectAllChildren(document.getElementById('zone-file'))"
        )
        world.observe(waiting)  # looked again, found the same
        await page.wait_for_event("response", lambda answer: "/watch" in answer.url)
        await page.wait_for_event("response", lambda answer: "/watch" in answer.url)
        selected = await page.evaluate("getSelection().toString()")
        live = Observation(
            domain_id=view.domain.id,
            statuses=Statuses(
                dns=DnsStatus.SERVING,
                certificate=CertificateStatus.VALID,
                edge=EdgeStatus.PUBLISHED,
                probe=ProbeStatus.PASSED,
                has_been_live=True,
            ),
            seen=tuple(record.record for record in view.records),
        )
        world.observe(live, word=Word.LIVE)
        await expect(page.locator(".chip.big")).to_have_text("live")
        await expect(page.locator("#announcer")).to_contain_text("cdp.shop.test is now live")
        await expect(page.get_by_text("2 of 2 found")).to_be_visible()
        is_same_document = await page.evaluate("window.sameDocument")

    assert selected.count(" IN NS ") == 2
    assert is_same_document


async def test_every_copy_button_copies_what_is_beside_it(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    view = world.domain(shop, "cdp.shop.test", world.source(shop))
    async with running_chromium() as browser:
        context = await browser.new_context(base_url=world.url)
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await context.new_page()
        await page.goto(f"/workspaces/{shop.id}/domains/{view.domain.id}")
        await sign_in(page)
        await expect(page.locator("#zone-file")).to_be_visible()
        await page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        copied, wanted = [], []
        for button in await page.locator("button[data-copy]").all():
            await button.focus()
            await page.keyboard.press("Enter")
            await expect(button).to_have_text("Copied")
            copied.append(await page.evaluate("navigator.clipboard.readText()"))
            target = await button.get_attribute("data-copy")
            wanted.append(await page.locator(f"#{target}").text_content())

    assert len(copied) >= 8
    assert copied == wanted


async def test_the_whole_domain_page_is_there_without_javascript(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    view = world.domain(shop, "cdp.shop.test", world.source(shop))
    async with running_chromium() as browser:
        context = await browser.new_context(base_url=world.url, java_script_enabled=False)
        page = await context.new_page()
        await page.goto(f"/workspaces/{shop.id}/domains/{view.domain.id}")
        await sign_in(page)
        await press_until(page, "Pause")
        paused = await page.locator(".chip.big").text_content()
        await press_until(page, "Resume")
        await press_until(page, "Remove…")
        await press_until(page, "Remove the domain")
        await expect(page.locator(".chip.big")).to_have_text("removed")
        copy_buttons = await page.locator("button[data-copy]:visible").count()

    assert paused == "paused"
    assert copy_buttons == 0


async def test_the_skip_link_comes_first_and_leads_to_the_content(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    async with running_chromium() as browser:
        page = await browser.new_page(base_url=world.url)
        await page.goto(f"/workspaces/{shop.id}/sources")
        await sign_in(page)
        await page.keyboard.press("Tab")
        first = await page.evaluate("document.activeElement.textContent")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        second = await page.evaluate("document.activeElement.textContent")

    assert first == "Skip to content"
    assert second == "Add a source"


async def sign_in(page: Page) -> None:
    await expect(page.locator("#email")).to_be_focused()
    await page.keyboard.type(EMAIL)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: "/sign-in" not in url)


async def press_until(page: Page, text: str) -> None:
    """Tab on to the link or button with this text, and press it."""
    before = page.url
    for _ in range(80):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if await focused.count() and (await focused.text_content() or "").strip() == text:
            async with page.expect_navigation():
                await page.keyboard.press("Enter")
            return
    raise AssertionError(f"{text!r} cannot be reached by keyboard on {before}")


async def tab_to(page: Page, selector: str) -> None:
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"{selector} cannot be reached by keyboard on {page.url}")


def listen_for_complaints(page: Page) -> list[str]:
    """What the browser refuses or fails at: policy violations and scripts that throw."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on(
        "console",
        lambda said: heard.append(said.text) if "Content Security Policy" in said.text else None,
    )
    return heard
