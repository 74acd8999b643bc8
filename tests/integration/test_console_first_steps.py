"""The first steps over real HTTP: from an empty workspace on, each page leads to the next."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from firstparty.model.observations import Observation
from firstparty.model.status import DnsStatus, Statuses, Word
from firstparty.model.workspaces import Role
from tests.console_forms import csrf_of, fill_in_domain, sign_in, text_of
from tests.console_world import ConsoleWorld, running_console


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


async def test_the_guide_leads_from_nothing_to_waiting_for_the_first_message(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    base = f"/workspaces/{shop.id}"
    async with world.browser() as browser:
        await sign_in(browser)
        start = (await browser.get("/")).headers["location"]
        empty = await browser.get(start)
        form = {"csrf": csrf_of(empty), "name": "Web", "type": "javascript", "region": "us"}
        added = await browser.post(f"{base}/sources/new", data=form)
        with_source = await browser.get(start)
        source = added.headers["location"].rpartition("/")[2]
        domain_form = re.findall(r'href="([^"]+domains/new[^"]*)"', with_source.text)[0]
        asked = await fill_in_domain(
            browser, domain_form.partition("?")[0], name="cdp.shop.test", source_ids=[source]
        )
        with_domain = await browser.get(start)
        watch = unescape(re.findall(r'hx-get="([^"]+/start/watch[^"]+)"', with_domain.text)[0])
        same = await browser.get(watch)
        domain = asked.headers["location"].rpartition("/")[2]
        statuses = Statuses(dns=DnsStatus.SERVING, has_been_live=True)
        world.observe(Observation(domain_id=domain, statuses=statuses), word=Word.LIVE)
        changed = await browser.get(watch)
        live = await browser.get(start)

    assert start == f"{base}/start"
    assert "Add the source of your site: to do now" in text_of(empty)
    assert "Choose a subdomain: to do now" in text_of(with_source)
    assert f"source={source}" in domain_form
    assert "Add its records: to do now" in text_of(with_domain)
    assert text_of(with_domain).count("cdp.shop.test. 3600 IN NS") == 2
    assert same.status_code == 204
    assert "4 of 5 steps are done" in text_of(changed)
    assert "see the first message: to do now" in text_of(live)
    assert "evs.cdp.shop.test" in text_of(live)
    assert "The log does not answer just now" in text_of(live)


async def test_a_viewer_of_an_empty_workspace_is_told_whom_to_ask(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop, role=Role.VIEWER)
    async with world.browser() as browser:
        await sign_in(browser)
        page = await browser.get(f"/workspaces/{shop.id}/start")

    assert "An editor of this workspace can add it" in text_of(page)
    assert "Add a source</a>" not in page.text


async def test_who_has_a_domain_starts_with_the_domains(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    world.domain(shop, "cdp.shop.test", world.source(shop))
    async with world.browser() as browser:
        await sign_in(browser)
        start = await browser.get("/")
        listed = await browser.get(start.headers["location"])

    assert start.headers["location"].endswith("/domains")
    assert "First steps: what comes next" in listed.text
