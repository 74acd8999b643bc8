"""A domain's pages over real HTTP: asking for one, its records, what can be done to it."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from firstparty.model.observations import Observation
from firstparty.model.status import DnsStatus, Statuses
from tests.console_forms import csrf_of, field_of, fill_in_domain, sign_in, text_of
from tests.console_world import ConsoleWorld, running_console


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


async def test_the_rule_that_a_name_breaks_is_said_by_its_field_and_nothing_typed_is_lost(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    source = world.source(shop)
    async with world.browser() as browser:
        await sign_in(browser)
        answer = await fill_in_domain(
            browser,
            f"/workspaces/{shop.id}/domains/new",
            name="shop.test",
            source_ids=[source.id],
            cdn_label="files",
            description="Two lines\nof <b>text</b>",
            has_csp="yes",
        )
    page = answer.text

    assert answer.status_code == 422
    assert "delegating it would take the whole site" in field_of(page, "name")
    assert 'aria-invalid="true" autofocus' in field_of(page, "name")
    assert 'value="shop.test"' in page
    assert 'value="files"' in page
    assert f'value="{source.id}" checked' in page
    assert "Two lines\nof &lt;b&gt;text&lt;/b&gt;</textarea>" in page
    assert 'value="yes" checked' in page
    assert "<title>Error: Add a domain" in page


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"cdn_label": "a.b"}, "cdn_label", "is not one DNS label"),
        ({"api_label": "evs"}, "api_label", "two different labels"),
        ({"source_ids": []}, "source_ids", "source"),
        ({"description": "x" * 2_001}, "description", "2,000 is the most"),
        ({"name": "*.shop.test"}, "name", "wildcard"),
        ({"mode": "magic"}, "mode", "delegation, CNAME or your own proxy"),
        ({"mode": "proxy", "cdn_host": "https://x"}, "cdn_host", "without https://"),
        ({"name": "<script>alert(1)</script>"}, "name", "without https://"),
    ],
)
async def test_every_field_has_its_sentence(
    world: ConsoleWorld, fields: dict[str, str | list[str]], field: str, sentence: str
) -> None:
    shop = world.workspace()
    world.person(shop)
    good = {"name": "cdp.shop.test", "source_ids": [world.source(shop).id]}
    async with world.browser() as browser:
        await sign_in(browser)
        answer = await fill_in_domain(
            browser, f"/workspaces/{shop.id}/domains/new", **(good | fields)
        )

    assert answer.status_code == 422
    assert sentence in unescape(field_of(answer.text, field))


async def test_a_domain_asked_for_shows_exactly_its_records_and_can_be_paused_and_removed(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    source = world.source(shop)
    async with world.browser() as browser:
        await sign_in(browser)
        added = await fill_in_domain(
            browser,
            f"/workspaces/{shop.id}/domains/new",
            name="CDP.shop.test.",
            source_ids=[source.id],
        )
        path = added.headers["location"]
        page = await browser.get(path)
        again = await browser.get(path)
        csrf = {"csrf": csrf_of(page)}
        await browser.post(f"{path}/pause", data=csrf)
        paused = await browser.get(path)
        refused = await browser.post(f"{path}/check", data=csrf)
        await browser.post(f"{path}/resume", data=csrf)
        sure = await browser.get(f"{path}/remove")
        await browser.post(f"{path}/remove", data=csrf)
        removed = await browser.get(path)

    record = re.compile(
        r"cdp\.shop\.test\. 3600 IN NS [ab]-[a-z0-9]{20}\.ns\.firstparty\.localhost\."
    )
    assert len(set(record.findall(page.text))) == 2
    assert "The domain is added" in page.text
    assert "The domain is added" not in again.text
    assert "0 of 2 found" in page.text
    assert '<span class="chip idle big">paused</span>' in paused.text
    assert refused.status_code == 409
    assert "resume it" in text_of(refused)
    assert "It was never live, so it goes at once" in sure.text
    assert "Records to delete" in removed.text
    assert "Check now" not in removed.text


async def test_a_domain_by_cname_shows_its_records_and_what_a_cname_costs(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    source = world.source(shop)
    async with world.browser() as browser:
        await sign_in(browser)
        added = await fill_in_domain(
            browser,
            f"/workspaces/{shop.id}/domains/new",
            name="cdp.shop.test",
            mode="cname",
            source_ids=[source.id],
        )
        page = await browser.get(added.headers["location"])

    record = re.compile(
        r"(evs|api)\.cdp\.shop\.test\. 3600 IN CNAME "
        r"([ce])-[a-z0-9]{20}\.edge\.firstparty\.localhost\."
    )
    assert set(record.findall(page.text)) == {("evs", "c"), ("api", "e")}
    assert "A CNAME is second best" in page.text
    assert "grey cloud" in page.text
    assert "type NS" not in page.text


async def test_the_page_is_told_what_changed_and_nothing_else(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    domain = world.domain(shop, "cdp.shop.test", world.source(shop)).domain
    path = f"/workspaces/{shop.id}/domains/{domain.id}"
    async with world.browser() as browser:
        await sign_in(browser)
        page = await browser.get(path)
        watch = unescape(re.findall(r'hx-get="([^"]+)"', page.text)[0])
        same = await browser.get(watch)
        await browser.post(f"{path}/pause", data={"csrf": csrf_of(page)})
        changed = await browser.get(watch)
        browser.cookies.clear()
        signed_out = await browser.get(watch, headers={"hx-request": "true"})

    assert 'id="watch"' in same.text
    assert "hx-swap-oob" not in same.text
    assert 'id="facts" hx-swap-oob="true"' in changed.text
    assert "cdp.shop.test is now paused." in changed.text
    assert 'hx-trigger="every 2s"' in same.text
    assert 'hx-trigger="every 15s"' in changed.text
    assert signed_out.status_code == 401
    assert signed_out.headers["hx-redirect"] == "/sign-in"


async def test_a_name_is_judged_while_it_is_typed(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    async with world.browser() as browser:
        await sign_in(browser)

        async def say(name: str) -> str:
            answer = await browser.get(
                f"/workspaces/{shop.id}/domains/name",
                params={"name": name, "cdn_label": "files", "api_label": ""},
            )
            return text_of(answer).strip()

        said = [await say(name) for name in ("cdp", "shop.test", "CDP.shop.test")]

    assert said[0] == ""
    assert "Choose a subdomain" in said[1]
    assert said[2].endswith("files.cdp.shop.test and api.cdp.shop.test.")


async def test_a_domain_in_service_is_moved_from_its_page_and_both_pages_say_so(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    view = world.domain(shop, "cdp.shop.test", world.source(shop))
    path = f"/workspaces/{shop.id}/domains/{view.domain.id}"
    async with world.browser() as browser:
        await sign_in(browser)
        form = {"csrf": csrf_of(await browser.get(path)), "mode": "delegation"}
        form |= {"cdn_label": "evs", "api_label": "api"}
        too_early = await browser.post(f"{path}/move", data=form | {"name": "data.shop.test"})
        world.observe(
            Observation(
                domain_id=view.domain.id,
                statuses=Statuses(dns=DnsStatus.SERVING, has_been_live=True),
            )
        )
        refused = await browser.post(f"{path}/move", data=form | {"name": "shop.test"})
        moved = await browser.post(f"{path}/move", data=form | {"name": "data.shop.test"})
        new = await browser.get(moved.headers["location"])
        old = await browser.get(path)

    assert too_early.status_code == 409
    assert "never live" in text_of(too_early)
    assert "Choose a subdomain" in field_of(refused.text, "name")
    assert "Takes the place of cdp.shop.test" in text_of(new)
    assert "Moving to data.shop.test" in text_of(old)


async def test_records_are_shown_in_the_words_of_a_dns_provider(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    view = world.domain(shop, "cdp.shop.test", world.source(shop))
    async with world.browser() as browser:
        await sign_in(browser)
        page = await browser.get(f"/workspaces/{shop.id}/domains/{view.domain.id}")

    shown = text_of(page)
    assert "Cloudflare dashboard > shop.test > DNS > Records > Add record." in shown
    assert "Azure portal > DNS zones > shop.test" in shown


async def test_a_proxy_asked_for_has_a_page_that_says_what_is_the_owners_own(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    source = world.source(shop)
    async with world.browser() as browser:
        await sign_in(browser)
        added = await fill_in_domain(
            browser,
            f"/workspaces/{shop.id}/domains/new",
            name="proxy.shop.test",
            mode="proxy",
            source_ids=[source.id],
            cdn_host="evs.shop.test",
            api_host="api.shop.test",
        )
        page = await browser.get(added.headers["location"])
        removal = await browser.get(f"{added.headers['location']}/remove")

    assert page.status_code == 200
    assert "evs.shop.test" in page.text
    assert "runs on your side" in text_of(page)
    assert "renew nothing" in text_of(page)
    assert "Certificate issued" not in page.text
    assert removal.status_code == 200
