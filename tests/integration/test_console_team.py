"""The pages of a workspace itself: people, alerts. Over real HTTP, without JavaScript."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console_forms import csrf_of, field_of, sign_in, text_of
from tests.console_world import ConsoleWorld, running_console


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


async def test_somebody_is_invited_gets_another_role_and_is_taken_out(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    path = f"/workspaces/{shop.id}/people"
    async with world.browser() as browser, world.browser() as other:
        await sign_in(browser)
        csrf = {"csrf": csrf_of(await browser.get(path))}
        bad = await browser.post(path, data=csrf | {"email": "nobody", "role": "viewer"})
        form = csrf | {"email": "new@shop.test", "role": "viewer"}
        await browser.post(path, data=form)
        made = await browser.get(path)
        link = re.findall(r"/invitations/[0-9A-Za-z]+", text_of(made))[0]
        again = await browser.get(path)
        page = await other.get(link)
        took = await other.post(
            link, data={"csrf": csrf_of(page), "password": "correct horse battery 2"}
        )
        member = re.findall(r"people/(per_[0-9A-Za-z]+)/remove", (await browser.get(path)).text)
        last_owner = [
            await browser.post(f"{path}/{one}/role", data=csrf | {"role": "editor"})
            for one in member
        ]
        log = text_of(await browser.get(f"/workspaces/{shop.id}/audit"))
        seen_by_viewer = await other.get(path)
        refused = await other.get(f"/workspaces/{shop.id}/audit")

    assert "needs a name, an @" in field_of(bad.text, "email")
    assert link not in again.text
    assert took.status_code == 303
    assert sorted(answer.status_code for answer in last_owner) == [303, 409]
    assert "invitation added: new@shop.test" in log
    assert "member changed: new@shop.test" in log
    assert "new@shop.test" in seen_by_viewer.text
    assert "Invite somebody" not in seen_by_viewer.text
    assert refused.status_code == 403


async def test_a_channel_is_made_tried_switched_off_and_removed(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    path = f"/workspaces/{shop.id}/alerts"
    async with world.browser() as browser:
        await sign_in(browser)
        csrf = {"csrf": csrf_of(await browser.get(path))}
        form = csrf | {"name": "On call", "kind": "webhook", "zone": "UTC"}
        bad = await browser.post(path, data=form | {"target": "http://x"})
        quiet = await browser.post(
            path, data=form | {"target": "https://hooks.shop.com/x", "quiet_from": "late"}
        )
        await browser.post(path, data=form | {"target": "https://hooks.shop.com/x"})
        made = await browser.get(path)
        again = await browser.get(path)
        channel = re.findall(r"alerts/(chn_[0-9A-Za-z]+)/try", again.text)[0]
        await browser.post(f"{path}/{channel}/try", data=csrf)
        tried = text_of(await browser.get(path))
        await browser.post(f"{path}/{channel}/switch", data=csrf)
        switched = text_of(await browser.get(path))
        await browser.post(f"{path}/{channel}/remove", data=csrf)
        gone = await browser.get(path)

    assert "no address to send to" in field_of(bad.text, "target")
    assert "Quiet hours are two times" in field_of(quiet.text, "quiet_from")
    assert "whsec_" in made.text
    assert "whsec_" not in again.text
    assert "A test of the channel On call" in tried
    assert "Switch on" in switched
    assert "Nobody is told yet" in gone.text


async def test_a_token_is_shown_once_to_its_maker_and_a_reload_makes_no_second_one(
    world: ConsoleWorld,
) -> None:
    shop, other = world.workspace(), world.workspace("Other")
    world.person(shop, other)
    path = f"/workspaces/{shop.id}/tokens"
    form = {"name": "deployment", "role": "editor", "lifetime": "90"}
    async with world.browser() as browser, world.browser() as thief:
        await sign_in(browser)
        await sign_in(thief)
        csrf = {"csrf": csrf_of(await browser.get(path))}
        made = await browser.post(path, data=csrf | form)
        thief.cookies.set("firstparty-once", browser.cookies["firstparty-once"])
        stolen = await thief.get(path)
        elsewhere = await browser.get(f"/workspaces/{other.id}/tokens")
        shown = await browser.get(made.headers["location"])
        again = await browser.get(path)
        browser.cookies.set("firstparty-once", "no-such-thing")
        nonsense = await browser.get(path)

    bearers = [re.findall(r"fp_\w+", text_of(one)) for one in (stolen, elsewhere, again, nonsense)]
    assert made.status_code == 303
    assert re.search(r"fp_\w+", text_of(shown))
    assert bearers == [[], [], [], []]
    assert again.text.count('<th scope="row"') == 1
