"""The pages beside a domain's overview: public resolvers, certificates, cookies and origins."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest

from firstparty.model.domains import Mode
from firstparty.model.workspaces import Role
from firstparty.store.zone_keys import add_zone_key
from tests.console_forms import csrf_of, field_of, sign_in, text_of
from tests.console_world import ConsoleWorld, running_console
from tests.fakes.dns_server import DnsServer, listening
from tests.fakes.pairs import a_pair
from tests.integration.test_propagation import as_a_cache

PAIR = a_pair(("evs.cdp.shop.test", "api.cdp.shop.test"))
OTHER_PAIR = a_pair(("evs.other.test", "api.other.test"))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


def a_domain(world: ConsoleWorld, *, role: Role = Role.OWNER) -> str:
    """The address of a domain's page."""
    shop = world.workspace()
    world.person(shop, role=role)
    domain = world.domain(shop, "cdp.shop.test", world.source(shop)).domain
    return f"/workspaces/{shop.id}/domains/{domain.id}"


async def test_a_certificate_is_imported_and_a_private_key_is_never_sent_back(
    world: ConsoleWorld,
) -> None:
    path = a_domain(world)
    async with world.browser() as browser:
        await sign_in(browser)
        csrf = {"csrf": csrf_of(await browser.get(f"{path}/certificates"))}
        no_key = await browser.post(
            f"{path}/certificates", data=csrf | PAIR | {"private_key": "a secret word"}
        )
        wrong_names = await browser.post(f"{path}/certificates", data=csrf | OTHER_PAIR)
        done = await browser.post(f"{path}/certificates", data=csrf | PAIR)
        page = await browser.get(f"{path}/certificates")

    assert "PEM without a passphrase" in field_of(no_key.text, "private_key")
    assert "a secret word" not in no_key.text
    assert "The certificate" in field_of(wrong_names.text, "chain")
    assert OTHER_PAIR["chain"].splitlines()[1] in unescape(wrong_names.text)
    assert OTHER_PAIR["private_key"].splitlines()[1] not in unescape(wrong_names.text)
    assert done.status_code == 303
    assert "current" in text_of(page)
    assert "imported" in text_of(page)


async def test_the_key_of_a_signed_zone_is_replaced_from_the_page(world: ConsoleWorld) -> None:
    path = a_domain(world)
    domain_id = path.rpartition("/")[2]
    async with world.browser() as browser:
        await sign_in(browser)
        unsigned = await browser.get(path)
        csrf = {"csrf": csrf_of(unsigned)}
        refused = await browser.post(f"{path}/key-roll", data=csrf)
        with world.store.write() as connection:
            add_zone_key(
                connection,
                domain_id,
                dnskey=b"\x01\x01\x03\x0d" + bytes(64),
                sealed_key=b"sealed",
                now=datetime.now(UTC),
            )
        signed = await browser.get(path)
        asked = await browser.post(f"{path}/key-roll", data=csrf)
        rolling = await browser.get(path)

    assert "Replace the key" not in unsigned.text
    assert "no zone of ours that is signed" in text_of(refused)
    assert "Replace the key" in signed.text
    assert asked.status_code == 303
    assert "The new key is being made." in text_of(rolling)
    assert "Replace the key" not in rolling.text


async def test_records_for_certificates_without_port_80_are_offered(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    view = world.domain(shop, "cdp.shop.test", world.source(shop), mode=Mode.CNAME)
    async with world.browser() as browser:
        await sign_in(browser)
        page = await browser.get(f"/workspaces/{shop.id}/domains/{view.domain.id}")

    assert len(view.optional_records) == 2
    for one in view.optional_records:
        assert one.record.value in page.text


async def test_a_key_that_is_known_is_given_up_only_by_who_is_sure(world: ConsoleWorld) -> None:
    path = a_domain(world)
    async with world.browser() as browser:
        await sign_in(browser)
        before = await browser.get(f"{path}/certificates")
        csrf = {"csrf": csrf_of(before)}
        await browser.post(f"{path}/certificates", data=csrf | PAIR)
        unsure = await browser.post(f"{path}/certificates/revoke", data=csrf)
        sure = await browser.post(f"{path}/certificates/revoke", data=csrf | {"sure": "yes"})
        after = await browser.get(f"{path}/certificates")
        log = text_of(await browser.get(f"{path.partition('/domains')[0]}/audit"))

    assert "compromised" not in before.text
    assert unsure.status_code == 422
    assert "Tick the box" in field_of(unsure.text, "sure")
    assert sure.status_code == 303
    assert "new key and certificate are on their way" in text_of(after)
    assert log.count("certificate revoked") == 1


async def test_origins_are_saved_and_a_bad_one_is_said_by_the_field(world: ConsoleWorld) -> None:
    path = a_domain(world)
    async with world.browser() as browser:
        await sign_in(browser)
        csrf = {"csrf": csrf_of(await browser.get(f"{path}/site"))}
        bad = await browser.post(f"{path}/origins", data=csrf | {"origins": "shop.com/<b>"})
        good = "https://www.other.test\r\n\r\nHTTPS://Shop.other.test/"
        await browser.post(f"{path}/origins", data=csrf | {"origins": good})
        page = await browser.get(f"{path}/site")

    assert "is no origin of a page" in unescape(field_of(bad.text, "origins"))
    assert "shop.com/&lt;b&gt;</textarea>" in bad.text
    assert "https://www.other.test\nhttps://shop.other.test</textarea>" in page.text


async def test_the_rule_for_cookies_is_told_for_the_site_asked_about(world: ConsoleWorld) -> None:
    path = a_domain(world, role=Role.VIEWER)
    async with world.browser() as browser:
        await sign_in(browser)
        form = await browser.get(f"{path}/site")
        told = text_of(await browser.get(f"{path}/site", params={"site": "www.other.test"}))
        bad = await browser.get(f"{path}/site", params={"site": "<b>"})

    assert 'value="www.shop.test"' in form.text
    assert "none kept" in told
    assert "is not part of other.test" in told
    assert bad.status_code == 422
    assert "a host like www.shop.com" in field_of(bad.text, "site")
    assert 'value="&lt;b&gt;"' in bad.text
    assert "Save" not in form.text


async def test_what_public_resolvers_have_is_shown_with_how_long(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        zones = ("cdp 4000 NS ns1.elsewhere.test.\n", "")
        servers = [DnsServer({"shop.test": zone}, as_a_cache) for zone in zones]
        addresses = [await stack.enter_async_context(listening(one)) for one in servers]
        resolvers = (*(str(one) for one in addresses), "127.0.0.1:9")
        world = await stack.enter_async_context(running_console(tmp_path, resolvers=resolvers))
        path = a_domain(world, role=Role.VIEWER)
        browser = await stack.enter_async_context(world.browser())
        await sign_in(browser)
        words, shown = ("something else", "not found", "no answer"), ""
        async with asyncio.timeout(60):
            while not all(word in shown for word in words):  # a busy machine answers late
                shown = text_of(await browser.get(f"{path}/propagation"))
        part = await browser.get(f"{path}/spread")

    assert "0 of 3 found" in shown
    assert "ns1.elsewhere.test" in shown
    assert re.search(r"\d\d:\d\d:\d\d UTC", shown)
    assert "What public resolvers have now" in part.text
    assert "<html" not in part.text


async def test_without_resolvers_the_page_says_so_and_the_part_is_left_out(
    tmp_path: Path,
) -> None:
    async with running_console(tmp_path, resolvers=()) as world, world.browser() as browser:
        path = a_domain(world)
        await sign_in(browser)
        page = await browser.get(f"{path}/propagation")
        part = await browser.get(f"{path}/spread")

    assert "names no resolver" in text_of(page)
    assert part.status_code == 204
