"""The operator's pages."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from firstparty.model.workspaces import Role, SourceType
from firstparty.store import tables
from tests.console_forms import csrf_of, sign_in
from tests.console_world import ConsoleWorld, running_console

PAGES = ("", "/workspaces", "/certificates", "/system", "/library")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def test_who_is_no_operator_is_shown_no_such_page_and_no_way_there(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop, role=Role.OWNER)
    async with world.browser() as browser:
        await sign_in(browser)
        home = await browser.get(f"/workspaces/{shop.id}/domains")
        answers = [await browser.get(f"/operator{path}") for path in PAGES]
        answers += [
            await browser.get(f"/operator/workspaces/{each}") for each in (shop.id, "wsp_nobodys")
        ]
        csrf = {"csrf": csrf_of(home)}
        changes = ("workspaces", f"workspaces/{shop.id}", "library", "library/remove")
        answers += [await browser.post(f"/operator/{path}", data=csrf) for path in changes]

    assert "/operator" not in home.text
    assert {answer.status_code for answer in answers} == {403}


async def test_workspaces_are_listed_with_plan_and_use_and_found_by_name(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace("Shop")
    world.workspace("Garden")
    world.person()
    web = world.source(shop)
    world.source(shop, "Server", SourceType.PYTHON)
    world.domain(shop, "cdp.shop.test", web)
    async with world.browser() as browser:
        await sign_in(browser)
        page = await browser.get("/operator")
        found = await browser.get("/operator/workspaces?q=gard")
        none = await browser.get("/operator/workspaces?q=%25")

    assert re.search(r"Shop 1 2 0 every mode", text_of(page.text))
    assert "Garden" in page.text
    assert "Shop" not in found.text
    assert "Garden" in found.text
    assert "No workspace like that" in none.text


async def test_a_plan_is_set_and_what_is_wrong_is_said_by_its_field(world: ConsoleWorld) -> None:
    shop = world.workspace("Shop")
    world.person()
    path = f"/operator/workspaces/{shop.id}"
    async with world.browser() as browser:
        await sign_in(browser)
        csrf = {"csrf": csrf_of(await browser.get(path))}
        refused = [
            await browser.post(path, data=csrf | typed)
            for typed in (
                {"modes": "cname", "max_domains": "many"},
                {"modes": "cname", "max_domains": "99999999999999999999"},
                {"max_domains": "3"},
            )
        ]
        saved = await browser.post(
            path, data=csrf | {"modes": ["cname", "delegation"], "max_domains": "3"}
        )
        page = await browser.get(path)
        listed = await browser.get("/operator/workspaces")

    assert [one.status_code for one in refused] == [422] * 3
    assert 'value="many"' in refused[0].text
    assert "Name at least one mode" in refused[2].text
    assert saved.status_code == 303
    assert "The plan is saved" in page.text
    assert 'value="3"' in page.text
    assert 'value="proxy" checked' not in page.text
    assert "cname, delegation" in listed.text
    assert "0 of 3" in text_of(listed.text)


async def test_a_workspace_is_made_by_its_name(world: ConsoleWorld) -> None:
    world.person()
    async with world.browser() as browser:
        await sign_in(browser)
        start = await browser.get("/")
        csrf = {"csrf": csrf_of(await browser.get("/operator/workspaces"))}
        nameless = await browser.post("/operator/workspaces", data=csrf | {"name": " "})
        made = await browser.post("/operator/workspaces", data=csrf | {"name": "My shop"})
        page = await browser.get(made.headers["location"])

    assert "/operator/workspaces" in start.text
    assert nameless.status_code == 422
    assert made.status_code == 303
    assert "My shop" in page.text


async def test_what_runs_here_is_shown_and_what_does_not(world: ConsoleWorld) -> None:
    world.person()
    async with world.browser() as browser:
        await sign_in(browser)
        good = text_of((await browser.get("/operator/system")).text)
        world.machine.missing = ("ingest",)
        world.machine.is_log_away = True
        bad = text_of((await browser.get("/operator/system")).text)

    assert "all run" in good
    assert "1.4 GB of 10 GB" in good
    assert "1 312, each when the first visitor asked" in good
    assert "These do not run: ingest" in bad
    assert "does not answer" in bad


async def test_the_queue_for_certificates_says_what_is_used_and_who_waits(
    world: ConsoleWorld,
) -> None:
    world.person()
    async with world.browser() as browser:
        await sign_in(browser)
        page = text_of((await browser.get("/operator/certificates")).text)

    assert "every order can be made at once" in page


async def test_a_version_is_installed_and_removed_unless_somebody_needs_it(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person()
    web = world.source(shop)
    with world.store.write() as connection:
        connection.execute(
            tables.sources.update()
            .where(tables.sources.c.id == web.id)
            .values(script_version="1.70.0")
        )
    async with world.browser() as browser:
        await sign_in(browser)
        page = await browser.get("/operator/library")
        csrf = {"csrf": csrf_of(page)}
        broken = await browser.post("/operator/library", data=csrf | {"version": "9.9.9"})
        installed = await browser.post("/operator/library", data=csrf | {"version": ""})
        removed, own, pinned, unknown = [
            await browser.post("/operator/library/remove", data=csrf | {"version": version})
            for version in ("1.84.3", "1.81.0", "1.70.0", "../../etc")
        ]
    with world.store.read() as connection:
        kept = connection.execute(
            select(tables.audit.c.action, tables.audit.c.subject).where(
                tables.audit.c.action.startswith("library.")
            )
        ).all()

    assert "1 sources that have it as their own" in text_of(page.text)
    assert broken.status_code == 422
    assert "no match" in broken.text
    assert (installed.status_code, removed.status_code) == (303, 303)
    assert (own.status_code, pinned.status_code, unknown.status_code) == (409, 409, 404)
    assert "would be back after the next start" in own.text
    assert "1 sources have 1.70.0 as their own" in text_of(pinned.text)
    assert world.machine.versions == ["1.90.0", "1.81.0", "1.70.0"]
    assert [tuple(one) for one in kept] == [
        ("library.installed", "1.90.0"),
        ("library.removed", "1.84.3"),
    ]
