"""The page behind a DNS admin link: who reads it, what it shows, when it ends."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firstparty.control.callers import SYSTEM
from firstparty.control.dns_links import (
    MAX_OPEN,
    add_dns_link,
    list_dns_links,
    open_dns_link,
    revoke_dns_link,
)
from firstparty.control.rules import build_rules
from firstparty.control.views import DomainView
from firstparty.errors import Conflict, NotFound, Refused
from firstparty.model.findings import Actor, Finding
from firstparty.model.observations import Observation
from firstparty.store import tables
from tests.console_forms import csrf_of, field_of, sign_in, text_of
from tests.console_world import ConsoleWorld, running_console

OWN = Finding(code="host-unreachable", sentence="An inner thing is wrong.", acts=Actor.OPERATOR)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


def a_domain(world: ConsoleWorld) -> DomainView:
    shop = world.workspace("Secret workspace")
    return world.domain(shop, "cdp.shop.test", world.source(shop, "Secret source"))


def a_link(world: ConsoleWorld, view: DomainView, *, days: int = 14) -> tuple[str, str]:
    new = add_dns_link(world.store, SYSTEM, view.domain.id, days=days, now=datetime.now(UTC))
    return new.path, new.link.id


async def test_a_link_shows_the_records_and_nothing_else_of_the_workspace(
    world: ConsoleWorld,
) -> None:
    view = a_domain(world)
    asked = Finding(
        code="not-delegated",
        sentence="No NS records yet.",
        acts=Actor.OWNER,
        records=tuple(one.record for one in view.records),
    )
    world.observe(Observation(domain_id=view.domain.id, findings=(asked, OWN)))
    path, _ = a_link(world, view)
    async with world.browser() as browser:
        page, live = await browser.get(path), await browser.get(f"{path}/live")
    shown = text_of(page)

    assert (page.status_code, live.status_code) == (200, 200)
    for one in view.records:
        assert one.record.value in shown
        assert one.record.value in text_of(live)
    assert "No NS records yet." in shown
    assert page.headers["cache-control"] == "no-store"
    hidden = (
        "Secret",
        "inner thing",
        view.domain.id,
        view.domain.workspace_id,
        "WK",
        "/workspaces",
    )
    assert [one for one in hidden if one in page.text + live.text] == []


async def test_the_page_follows_what_is_found(world: ConsoleWorld) -> None:
    view = a_domain(world)
    path, _ = a_link(world, view)
    async with world.browser() as browser:
        before = text_of(await browser.get(f"{path}/live"))
        seen = tuple(one.record for one in view.records)
        world.observe(Observation(domain_id=view.domain.id, seen=seen))
        after = text_of(await browser.get(f"{path}/live"))

    assert "0 of 2 found" in before
    assert "2 of 2 found" in after
    assert "Nothing is left to do" in after


async def test_links_that_are_over_revoked_or_made_up_get_one_answer(world: ConsoleWorld) -> None:
    view = a_domain(world)
    path, link = a_link(world, view)
    async with world.browser() as browser:
        good = await browser.get(path)
        revoke_dns_link(world.store, SYSTEM, view.domain.id, link, now=datetime.now(UTC))
        revoked = await browser.get(path)
        others = [
            await browser.get(f"/dns/{secret}{live}")
            for secret in ("x" * 43, "short", "%00", "x" * 5_000)
            for live in ("", "/live")
        ]

    assert good.status_code == 200
    assert {one.status_code for one in (revoked, *others)} == {404}
    assert {text_of(one) for one in others} == {text_of(revoked)}


async def test_a_link_ends_by_itself(world: ConsoleWorld) -> None:
    view = a_domain(world)
    path, _ = a_link(world, view, days=1)
    rules, now = build_rules(world.settings), datetime.now(UTC)
    secret = path.removeprefix("/dns/")
    before = open_dns_link(world.store, secret, rules=rules, now=now + timedelta(hours=23))
    with pytest.raises(NotFound):
        open_dns_link(world.store, secret, rules=rules, now=now + timedelta(hours=25))

    assert before.name == "cdp.shop.test"


async def test_the_secret_is_in_the_link_alone(world: ConsoleWorld) -> None:
    view = a_domain(world)
    path, _ = a_link(world, view)
    with world.store.read() as connection:
        stored = connection.execute(tables.dns_links.select()).all()
        audited = connection.execute(tables.audit.select()).all()

    assert path.removeprefix("/dns/") not in str(stored) + str(audited)


async def test_the_button_on_the_domains_page_shows_a_link_that_works(world: ConsoleWorld) -> None:
    shop = world.workspace()
    view = world.domain(shop, "cdp.shop.test", world.source(shop))
    world.person(shop)
    here = f"/workspaces/{shop.id}/domains/{view.domain.id}"
    async with world.browser() as browser, world.browser() as stranger:
        await sign_in(browser)
        overview = await browser.get(here)
        csrf = {"csrf": csrf_of(await browser.get(f"{here}/dns-links"))}
        bad = await browser.post(f"{here}/dns-links", data=csrf | {"days": "ever"})
        await browser.post(f"{here}/dns-links", data=csrf | {"days": "3"})
        made = await browser.get(f"{here}/dns-links")
        (link,) = [word for word in text_of(made).split() if word.startswith(world.url)]
        opened = await stranger.get(link)
        (revoke,) = re.findall(r'action="([^"]+/revoke)"', made.text)
        await browser.post(revoke, data=csrf)
        listed = await browser.get(f"{here}/dns-links")
        gone = await stranger.get(link)

    assert "Send them to the DNS admin" in text_of(overview)
    assert "1 to 90 days" in field_of(bad.text, "days")
    assert 'value="ever"' in bad.text
    assert opened.status_code == 200
    assert view.records[0].record.value in text_of(opened)
    assert link not in listed.text
    assert "revoked" in text_of(listed)
    assert gone.status_code == 404


@pytest.mark.parametrize("days", [0, -1, 91])
async def test_days_that_cannot_be_are_refused(world: ConsoleWorld, days: int) -> None:
    view = a_domain(world)
    with pytest.raises(Refused) as refused:
        add_dns_link(world.store, SYSTEM, view.domain.id, days=days, now=datetime.now(UTC))

    assert refused.value.code == "days-out-of-range"


async def test_a_domain_has_so_many_links_that_work_and_no_more(world: ConsoleWorld) -> None:
    view, now = a_domain(world), datetime.now(UTC)
    for _ in range(MAX_OPEN):
        add_dns_link(world.store, SYSTEM, view.domain.id, now=now)
    with pytest.raises(Conflict):
        add_dns_link(world.store, SYSTEM, view.domain.id, now=now)
    revoke_dns_link(
        world.store,
        SYSTEM,
        view.domain.id,
        list_dns_links(world.store, SYSTEM, view.domain.id)[0].id,
        now=now,
    )
    add_dns_link(world.store, SYSTEM, view.domain.id, now=now)

    assert len(list_dns_links(world.store, SYSTEM, view.domain.id)) == MAX_OPEN + 1
