"""Who gets in to the console and how far: sign-in, sessions, forms that are ours, tenants."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firstparty.console.routes import PAGES
from firstparty.control.callers import SYSTEM
from firstparty.control.invitations import invite
from firstparty.model.workspaces import Role
from tests.console_forms import csrf_of, sign_in, text_of, without_secrets
from tests.console_world import EMAIL, PASSWORD, ConsoleWorld, running_console


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


async def test_somebody_signed_out_is_asked_to_sign_in_and_then_sees_the_page(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    wanted = f"/workspaces/{shop.id}/sources"
    async with world.browser() as browser:
        asked = await browser.get(wanted)
        answer = await sign_in(browser, at=asked.headers["location"])

    assert asked.status_code == 303
    assert answer.status_code == 303
    assert answer.headers["location"] == wanted


@pytest.mark.parametrize("elsewhere", ["//evil.test/", "/\\evil.test", "https://evil.test/", ""])
async def test_sign_in_never_leads_to_another_site(world: ConsoleWorld, elsewhere: str) -> None:
    world.person()
    async with world.browser() as browser:
        await browser.get("/sign-in")
        answer = await sign_in(browser, next=elsewhere)

    assert answer.headers["location"] == "/"


async def test_an_unknown_account_and_a_wrong_password_get_the_same_answer(
    world: ConsoleWorld,
) -> None:
    world.person()
    async with world.browser() as browser:
        wrong = await sign_in(browser, password="not the password")
        unknown = await sign_in(browser, email="nobody@shop.test")

    assert wrong.status_code == unknown.status_code == 422
    assert "do not belong together" in text_of(wrong)
    assert without_secrets(wrong.text) == without_secrets(
        unknown.text.replace("nobody@shop.test", EMAIL)
    )


async def test_too_many_tries_are_told_how_long_to_wait(world: ConsoleWorld) -> None:
    world.person()
    async with world.browser() as browser:
        for _ in range(5):
            await sign_in(browser, password="not the password")
        answer = await sign_in(browser)

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "Too many tries to sign in" in text_of(answer)
    assert "session" not in answer.headers.get("set-cookie", "")


async def test_a_session_given_before_sign_in_is_not_the_session_after_it(
    world: ConsoleWorld,
) -> None:
    world.person()
    async with world.browser() as browser:
        browser.cookies.set("firstparty-session", "chosen-by-somebody-else")
        answer = await sign_in(browser)
        cookie = answer.headers["set-cookie"]

    assert "chosen-by-somebody-else" not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_signing_in_again_ends_the_session_before(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    async with world.browser() as browser, world.browser() as other:
        page = await browser.get("/sign-in")
        await sign_in(browser)
        first = browser.cookies["firstparty-session"]
        csrf = csrf_of(await browser.get(f"/workspaces/{shop.id}/domains"))
        await browser.post("/sign-in", data={"csrf": csrf, "email": EMAIL, "password": PASSWORD})
        second = browser.cookies["firstparty-session"]
        other.cookies.set("firstparty-session", first)
        answer = await other.get("/")

    assert page.status_code == 200
    assert first != second
    assert answer.headers["location"] == "/sign-in"


async def test_a_session_is_over_in_the_store_after_signing_out(world: ConsoleWorld) -> None:
    shop = world.workspace()
    world.person(shop)
    async with world.browser() as browser, world.browser() as thief:
        await sign_in(browser)
        thief.cookies.set("firstparty-session", browser.cookies["firstparty-session"])
        csrf = csrf_of(await browser.get(f"/workspaces/{shop.id}/domains"))
        await browser.post("/sign-out", data={"csrf": csrf})
        answer = await thief.get(f"/workspaces/{shop.id}/domains")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("csrf", ["", "wrong", "é"])
async def test_a_form_without_the_secret_of_its_session_changes_nothing(
    world: ConsoleWorld, csrf: str
) -> None:
    shop = world.workspace()
    world.person(shop)
    async with world.browser() as browser:
        await sign_in(browser)
        answer = await browser.post(
            f"/workspaces/{shop.id}/sources/new",
            data={"csrf": csrf, "name": "Web", "type": "javascript", "region": "us"},
        )
        listed = await browser.get(f"/workspaces/{shop.id}/sources")

    assert answer.status_code == 403
    assert "did not come from a page of this console" in text_of(answer)
    assert "No source yet" in text_of(listed)


async def test_a_form_that_another_site_sent_is_refused_even_with_the_secret(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    async with world.browser() as browser:
        await sign_in(browser)
        path = f"/workspaces/{shop.id}/sources/new"
        form = {"csrf": csrf_of(await browser.get(path)), "name": "Web", "type": "javascript"}
        answer = await browser.post(path, data=form, headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 403


async def test_signing_in_needs_the_cookie_of_the_form(world: ConsoleWorld) -> None:
    world.person()
    async with world.browser() as browser:
        answer = await browser.post(
            "/sign-in", data={"csrf": "guess", "email": EMAIL, "password": PASSWORD}
        )

    assert answer.status_code == 403


def addresses_of(workspace: str, *, domain: str, source: str) -> list[tuple[str, str, bool]]:
    """Method and path of every page of a workspace, and whether it is about one thing in it."""
    known = {"workspace_id": workspace, "domain_id": domain, "source_id": source}
    found = []
    for method, path, _ in PAGES:
        names = re.findall(r"{(\w+)}", path)
        # An operator's page is closed to others before it looks for anything: 403.
        if "workspace_id" in names and not path.startswith("/operator"):
            ids = {name: known.get(name, "nobodys") for name in names}
            found.append(
                (method, path.format(**ids), {"domain_id", "source_id"} & {*names} != set())
            )
    return found


async def test_what_belongs_to_somebody_else_looks_as_if_it_did_not_exist(
    world: ConsoleWorld,
) -> None:
    ours, theirs = world.workspace("Ours"), world.workspace("Theirs")
    world.person(ours)
    source = world.source(theirs)
    domain = world.domain(theirs, "cdp.shop.test", source).domain
    things = {"domain": domain.id, "source": source.id}
    addresses = addresses_of(theirs.id, **things)
    addresses += [one for one in addresses_of(ours.id, **things) if one[2]]
    async with world.browser() as browser:
        await sign_in(browser)
        invented = await browser.get(f"/workspaces/{ours.id}/domains/dom_invented")
        csrf = {"csrf": csrf_of(await browser.get(f"/workspaces/{ours.id}/domains/new"))}
        answers = {
            (method, path): await browser.request(
                method, path, data=csrf if method == "POST" else None
            )
            for method, path, _ in addresses
        }

    assert len(answers) > 80
    assert {one for one, answer in answers.items() if answer.status_code != 404} == set()
    assert {without_secrets(answer.text) for answer in answers.values()} == {
        without_secrets(invented.text)
    }


async def test_somebody_who_may_only_look_is_offered_no_change_and_allowed_none(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop, role=Role.VIEWER)
    domain = world.domain(shop, "cdp.shop.test", world.source(shop)).domain
    path = f"/workspaces/{shop.id}/domains/{domain.id}"
    async with world.browser() as browser:
        await sign_in(browser)
        page = await browser.get(path)
        form = await browser.get(f"/workspaces/{shop.id}/domains/new")
        answer = await browser.post(f"{path}/remove", data={"csrf": csrf_of(page)})

    assert "Remove" not in page.text
    assert form.status_code == answer.status_code == 403
    assert "ask an owner or admin" in text_of(answer)


async def test_a_person_without_a_workspace_is_told_whom_to_ask(world: ConsoleWorld) -> None:
    world.person()
    async with world.browser() as browser:
        await sign_in(browser)
        answer = await browser.get("/")

    assert answer.status_code == 200
    assert "firstparty workspaces add" in answer.text


async def test_an_invitations_link_lets_somebody_in_once(world: ConsoleWorld) -> None:
    shop = world.workspace()
    made = invite(
        world.store,
        SYSTEM,
        workspace_id=shop.id,
        email=EMAIL,
        role=Role.VIEWER,
        now=datetime.now(UTC),
    )
    async with world.browser() as browser:
        page = await browser.get(made.path)
        short = await browser.post(made.path, data={"csrf": csrf_of(page), "password": "short"})
        taken = await browser.post(made.path, data={"csrf": csrf_of(page), "password": PASSWORD})
        inside = await browser.get(f"/workspaces/{shop.id}/sources")
    async with world.browser() as other:
        again = await other.get(made.path)

    assert EMAIL in page.text
    assert short.status_code == 422
    assert "12 to 256 characters" in text_of(short)
    assert (taken.status_code, taken.headers["location"]) == (303, "/")
    assert inside.status_code == 200
    assert again.status_code == 410
    assert "used, withdrawn or expired" in text_of(again)
