"""The console's pages over real HTTP, as a browser without JavaScript uses them."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from firstparty.model.observations import Observation
from firstparty.model.status import DnsStatus, Statuses
from firstparty.model.workspaces import SourceType
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


async def test_hostile_names_are_shown_as_text(world: ConsoleWorld) -> None:
    hostile = "\"><script>alert('1')</script>&amp;{{7*7}}"
    shop = world.workspace(hostile)
    world.person(shop)
    source = world.source(shop, hostile)
    domain = world.domain(shop, "cdp.shop.test", source).domain
    async with world.browser() as browser:
        await sign_in(browser)
        pages = [
            await browser.get(f"/workspaces/{shop.id}/{path}")
            for path in (
                "sources",
                f"sources/{source.id}",
                "domains",
                f"domains/{domain.id}",
                f"domains/{domain.id}/remove",
            )
        ]

    assert all(page.status_code == 200 for page in pages)
    assert not any("<script>alert" in page.text for page in pages)
    assert all("&#34;&gt;&lt;script&gt;alert(&#39;1&#39;)" in page.text for page in pages)


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


async def test_lists_are_searched_and_filtered_together(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    names = ("cdp.shop.test", "data.blog.test")
    for name in names:
        world.domain(shop, name, world.source(shop, f"Site of {name}"))
    base = f"/workspaces/{shop.id}"
    async with world.browser() as browser:
        await sign_in(browser)

        async def found(path: str) -> tuple[str, ...]:
            page = await browser.get(f"{base}/{path}")
            return tuple(name for name in names if f">{name}</a>" in page.text)

        by_part = await found("domains?q=SHOP")
        both = await found("domains?q=blog&status=waiting")
        neither = await browser.get(f"{base}/domains?q=%3Cb%3E&status=live")
        sources = text_of(await browser.get(f"{base}/sources?q=data.blog"))

    assert by_part == ("cdp.shop.test",)
    assert both == ("data.blog.test",)
    assert "No domain is live and has “&lt;b&gt;” in its name" in neither.text
    assert "Site of data.blog.test" in sources
    assert "Site of cdp.shop.test" not in sources


async def test_somebody_is_invited_gets_another_role_and_is_taken_out(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    path = f"/workspaces/{shop.id}/people"
    async with world.browser() as browser, world.browser() as other:
        await sign_in(browser)
        csrf = {"csrf": csrf_of(await browser.get(path))}
        bad = await browser.post(path, data=csrf | {"email": "nobody", "role": "viewer"})
        made = await browser.post(path, data=csrf | {"email": "new@shop.test", "role": "viewer"})
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
        made = await browser.post(path, data=form | {"target": "https://hooks.shop.com/x"})
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


async def test_a_source_with_a_webhook_upstream_shows_its_secret_once(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    path = f"/workspaces/{shop.id}/sources"
    async with world.browser() as browser:
        await sign_in(browser)
        form = {"csrf": csrf_of(await browser.get(f"{path}/new")), "name": "Hooks"}
        form |= {"type": "http", "region": "us", "upstream": "webhook+https://hooks.shop.com/in"}
        added = await browser.post(f"{path}/new", data=form)
        source = re.findall(r"src_[0-9A-Za-z]+", added.text)[0]
        page = await browser.get(f"{path}/{source}")

    assert "whsec_" in added.text
    assert "whsec_" not in page.text
    assert "webhook+https://hooks.shop.com/in" in text_of(page)


async def test_a_proxy_of_segments_own_endpoints_needs_no_source_and_fills_in_the_mail(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    form = {"source": "segment-eu", "provider": "nginx", "cdn_host": "evs.shop.com"}
    form |= {"write_key": "abc123", "segment_source_id": "sid42", "source_url": "https://app.x/s"}
    async with world.browser() as browser:
        await sign_in(browser)
        made = text_of(await browser.get(f"/workspaces/{shop.id}/proxies", params=form))
        bad = await browser.get(
            f"/workspaces/{shop.id}/proxies", params=form | {"write_key": "a b"}
        )

    assert "events.eu1.segmentapis.com" in made
    assert "abc123" in made
    assert "Source ID: sid42" in made
    assert "Source URL: https://app.x/s" in made
    assert bad.status_code == 422
    assert "not a write key" in field_of(bad.text, "write_key")


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
