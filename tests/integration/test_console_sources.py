"""A source's pages over real HTTP: adding one, settings, policy, privacy, host address."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from firstparty.model.workspaces import SourceType
from tests.console_forms import csrf_of, field_of, sign_in, text_of
from tests.console_world import ConsoleWorld, running_console


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


@pytest.mark.parametrize("kind", list(SourceType))
async def test_a_source_of_every_type_has_a_page_with_what_it_needs(
    world: ConsoleWorld, kind: SourceType
) -> None:
    shop = world.workspace()
    world.person(shop)
    source = world.source(shop, kind=kind)
    script = world.source(shop, "First")
    world.domain(shop, "cdp.shop.test", script, source)
    async with world.browser() as browser:
        await sign_in(browser)
        page = await browser.get(f"/workspaces/{shop.id}/sources/{source.id}")

    assert source.write_key in page.text
    assert "https://api.cdp.shop.test" in page.text


async def test_what_bypasses_the_domain_is_on_the_source_s_page(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    settings = {"integrations": {"Mixpanel": {"type": "browser"}, "<b>": {"type": "browser"}}}
    direct, plain = world.source(shop, settings=settings), world.source(shop, "Plain")
    async with world.browser() as browser:
        await sign_in(browser)
        page = await browser.get(f"/workspaces/{shop.id}/sources/{direct.id}")
        other = await browser.get(f"/workspaces/{shop.id}/sources/{plain.id}")

    assert "cdn.mxpnl.com, api-js.mixpanel.com" in page.text
    assert "<dt>&lt;b&gt;</dt>" in page.text
    assert "bypass the domain" not in other.text


async def test_a_source_form_keeps_what_was_typed_beside_the_rule(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    path = f"/workspaces/{shop.id}/sources/new"
    async with world.browser() as browser:
        await sign_in(browser)
        csrf = csrf_of(await browser.get(path))
        form = {"csrf": csrf, "name": "Web", "type": "python", "region": "eu"}
        wrong = await browser.post(path, data=form | {"upstream": "ftp://x/y"})
        strange = await browser.post(path, data=form | {"type": "fax"})
        good = await browser.post(path, data=form)

    assert "upstream is an origin" in field_of(wrong.text, "upstream")
    assert 'value="python" selected' in wrong.text
    assert 'value="eu" selected' in wrong.text
    assert "Choose one of the types" in field_of(strange.text, "type")
    assert good.status_code == 303


async def test_settings_are_changed_on_a_page_and_broken_json_keeps_the_old_ones(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    source = world.source(shop)
    path = f"/workspaces/{shop.id}/sources/{source.id}/settings"
    async with world.browser() as browser:
        await sign_in(browser)
        csrf = csrf_of(await browser.get(path))
        good = {"csrf": csrf, "origin": "mirror", "settings": '{"plan": {"track": {}}}'}
        saved = await browser.post(path, data=good)
        broken = await browser.post(path, data=good | {"settings": '{"plan": <b>}'})
        after = await browser.get(path)

    assert saved.status_code == 303
    assert broken.status_code == 422
    assert "line 1" in field_of(broken.text, "settings")
    assert '{"plan": &lt;b&gt;}</textarea>' in unescape(broken.text).replace("<b>", "&lt;b&gt;")
    assert '"track": {}' in unescape(after.text)
    assert 'value="mirror" checked' in after.text


async def test_a_pasted_policy_is_told_what_it_blocks_and_what_to_add(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    source = world.source(shop)
    path = f"/workspaces/{shop.id}/sources/{source.id}/policy"
    async with world.browser() as browser:
        await sign_in(browser)
        without_domain = await browser.get(path)
        world.domain(shop, "cdp.shop.test", source)
        page = await browser.get(path)
        csrf = {"csrf": csrf_of(page)}
        blocked = await browser.post(path, data=csrf | {"header": "default-src 'self'"})
        allowed = await browser.post(path, data=csrf | {"header": "img-src *"})
        bad_page = await browser.post(path, data=csrf | {"header": "img-src *", "page": "ftp://x"})

    assert "First, a domain" in without_domain.text
    assert "https://evs.cdp.shop.test" in text_of(page)
    assert "It blocks what this source needs" in blocked.text
    assert "https://api.cdp.shop.test" in text_of(blocked)
    assert "It blocks nothing" in allowed.text
    assert bad_page.status_code == 422
    assert "must be like https://" in field_of(bad_page.text, "page")


async def test_privacy_rules_are_set_on_a_page_and_a_bad_path_is_said_by_its_field(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    source = world.source(shop)
    path = f"/workspaces/{shop.id}/sources/{source.id}/privacy"
    async with world.browser() as browser:
        await sign_in(browser)
        form = {
            "csrf": csrf_of(await browser.get(path)),
            "ip": "truncate",
            "honour_gpc": "yes",
            "drop_fields": "properties.email\r\ntraits.phone\r\n\r\n",
        }
        saved = await browser.post(path, data=form)
        refused = await browser.post(path, data=form | {"drop_fields": "messageId"})
        after = await browser.get(path)

    assert saved.status_code == 303
    assert refused.status_code == 422
    assert "messageId" in field_of(refused.text, "drop_fields")
    assert "properties.email\ntraits.phone</textarea>" in after.text
    assert 'value="truncate" checked' in after.text
    assert re.search(r'name="honour_gpc" value="yes" checked', after.text)


async def test_a_source_is_restored_rolled_out_and_brought_back_on_its_page(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    source = world.source(shop)
    path = f"/workspaces/{shop.id}/sources/{source.id}/hosts"
    async with world.browser() as browser:
        await sign_in(browser)
        without_domain = await browser.get(path)
        world.domain(shop, "cdp.shop.test", source)
        on_the_domain = await browser.get(path)
        csrf = {"csrf": csrf_of(on_the_domain)}
        shown = []
        for share in ("0", "25 %", "100"):
            await browser.post(path, data=csrf | {"share": share})
            shown.append(text_of(await browser.get(path)))
        refused = await browser.post(path, data=csrf | {"share": "most"})

    assert "on no domain" in without_domain.text
    assert "Restore to the default hosts" in on_the_domain.text
    assert "Back to the domain" in shown[0]
    assert "25 % on the domain" in shown[1]
    assert "Restore to the default hosts" in shown[2]
    assert refused.status_code == 422
    assert "from 0 to 100" in field_of(refused.text, "share")
    assert 'value="most"' in refused.text


async def test_a_source_with_a_webhook_upstream_shows_its_secret_once(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    path = f"/workspaces/{shop.id}/sources"
    async with world.browser() as browser:
        await sign_in(browser)
        form = {"csrf": csrf_of(await browser.get(f"{path}/new")), "name": "Hooks"}
        form |= {"type": "http", "region": "us", "upstream": "webhook+https://hooks.shop.com/in"}
        added = await browser.post(f"{path}/new", data=form)
        shown = await browser.get(added.headers["location"])
        again = await browser.get(added.headers["location"])
        page = await browser.get(added.headers["location"].removesuffix("/delivery"))

    assert "whsec_" in shown.text
    assert "whsec_" not in again.text + page.text
    assert "webhook+https://hooks.shop.com/in" in text_of(page)


async def test_where_messages_go_is_changed_on_a_page_and_a_webhook_changes_its_secret(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    path = f"/workspaces/{shop.id}/sources/{world.source(shop).id}"
    async with world.browser() as browser:
        await sign_in(browser)
        csrf = {"csrf": csrf_of(await browser.get(f"{path}/delivery"))}
        form = csrf | {"name": "Shop", "region": "eu", "upstream": "", "messages_per_second": "50"}
        bad_place = await browser.post(f"{path}/delivery", data=form | {"upstream": "ftp://x"})
        bad_rate = await browser.post(
            f"{path}/delivery", data=form | {"messages_per_second": "many"}
        )
        await browser.post(f"{path}/delivery", data=form)
        moved = await browser.get(f"{path}/delivery")
        hook = {"upstream": "webhook+https://hooks.shop.com/in"}
        shown, after = [], []
        for action, data in (("delivery", form | hook), ("secret", csrf), ("secret/drop", csrf)):
            await browser.post(f"{path}/{action}", data=data)
            shown += re.findall(r"whsec_[^<]+", (await browser.get(f"{path}/delivery")).text)
            after.append(text_of(await browser.get(f"{path}/delivery")))

    assert "upstream is an origin" in field_of(bad_place.text, "upstream")
    assert 'value="ftp://x"' in bad_place.text
    assert "whole number" in field_of(bad_rate.text, "messages_per_second")
    assert 'value="eu" selected' in moved.text
    assert 'value="50"' in moved.text
    assert len(set(shown)) == 2
    assert "Make a new secret" in after[0]
    assert "Two secrets sign" in after[1]
    assert "Make a new secret" in after[2]
    assert not any("whsec_" in text for text in after)


async def test_a_version_is_pinned_and_an_alias_changed_with_an_overlap(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    source, server = world.source(shop), world.source(shop, "Server", SourceType.PYTHON)
    scripts = world.settings.state_directory / "cdn" / "scripts"
    scripts.mkdir(parents=True)
    for version in ("1.9.2", "1.84.3"):
        (scripts / f"{version}.js").touch()
    path = f"/workspaces/{shop.id}/sources/{source.id}"
    async with world.browser() as browser:
        await sign_in(browser)
        page = await browser.get(f"{path}/script")
        csrf = {"csrf": csrf_of(page)}
        bad = await browser.post(f"{path}/script", data=csrf | {"script_version": "newest"})
        await browser.post(f"{path}/script", data=csrf | {"script_version": "1.9.2"})
        pinned = await browser.get(f"{path}/script")
        await browser.post(f"{path}/alias", data=csrf)
        both = text_of(await browser.get(f"{path}/script"))
        too_soon = await browser.post(f"{path}/alias", data=csrf)
        await browser.post(f"{path}/alias/drop", data=csrf)
        one = text_of(await browser.get(f"{path}/script"))
        none = await browser.get(f"/workspaces/{shop.id}/sources/{server.id}/script")

    assert "Newest that is installed (1.84.3 now)" in page.text
    assert "is like 1.84.3" in field_of(bad.text, "script_version")
    assert '<option value="1.9.2" selected>' in pinned.text
    assert source.alias in both
    assert "Drop the old alias" in both
    assert too_soon.status_code == 409
    assert source.alias not in one
    assert none.status_code == 409
