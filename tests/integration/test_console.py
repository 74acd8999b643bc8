"""The console over real HTTP, as a browser without JavaScript uses it."""

import hashlib
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from firstparty.api.app import build_app
from firstparty.console.app import build_console
from firstparty.console.pages import DIRECTORY
from firstparty.model.workspaces import Role, SourceType
from tests.console_world import EMAIL, PASSWORD, ConsoleWorld, running_console

CSRF = re.compile(r'name="csrf" value="([^"]+)"')


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


async def test_what_belongs_to_somebody_else_looks_as_if_it_did_not_exist(
    world: ConsoleWorld,
) -> None:
    ours, theirs = world.workspace("Ours"), world.workspace("Theirs")
    world.person(ours)
    source = world.source(theirs)
    domain = world.domain(theirs, "cdp.shop.test", source).domain
    paths = [
        f"/workspaces/{theirs.id}/domains",
        f"/workspaces/{theirs.id}/domains/new",
        f"/workspaces/{theirs.id}/domains/{domain.id}",
        f"/workspaces/{theirs.id}/domains/{domain.id}/watch",
        f"/workspaces/{theirs.id}/domains/{domain.id}/remove",
        f"/workspaces/{theirs.id}/sources/{source.id}",
        f"/workspaces/{ours.id}/domains/{domain.id}",
        f"/workspaces/{ours.id}/domains/{domain.id}/remove",
        f"/workspaces/{ours.id}/sources/{source.id}",
    ]
    async with world.browser() as browser:
        await sign_in(browser)
        invented = await browser.get(f"/workspaces/{ours.id}/domains/dom_invented")
        answers = [await browser.get(path) for path in paths]
        csrf = csrf_of(await browser.get(f"/workspaces/{ours.id}/domains/new"))
        posts = [
            await browser.post(
                f"/workspaces/{workspace.id}/domains/{domain.id}/{action}", data={"csrf": csrf}
            )
            for workspace in (ours, theirs)
            for action in ("check", "pause", "resume", "remove")
        ]

    assert [answer.status_code for answer in answers + posts] == [404] * 17
    assert {without_secrets(answer.text) for answer in answers + posts} == {
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
    assert "stops serving the script" in sure.text
    assert "Records to delete" in removed.text
    assert "Check now" not in removed.text


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


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/here", 404),
        ("GET", "/static/../app.py", 404),
        ("GET", "/static/missing.css", 404),
        ("DELETE", "/sign-in", 405),
        ("GET", "/sign-out", 405),
    ],
)
async def test_errors_are_pages_that_say_what_to_do_and_name_no_version(
    world: ConsoleWorld, method: str, path: str, status: int
) -> None:
    async with world.browser() as browser:
        answer = await browser.request(method, path)

    assert answer.status_code == status
    assert "To the start" in answer.text
    assert not re.search(r"(?i)starlette|uvicorn|python|traceback", answer.text)
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"&".join([b"a=1"] * 600), "application/x-www-form-urlencoded", 400),
        (b"csrf=%ff%fe&email=\xff", "application/x-www-form-urlencoded", 403),
    ],
)
async def test_a_body_that_no_page_sends_is_refused_with_a_page(
    world: ConsoleWorld, body: bytes, kind: str, status: int
) -> None:
    async with world.browser() as browser:
        await browser.get("/sign-in")
        answer = await browser.post("/sign-in", content=body, headers={"content-type": kind})

    assert answer.status_code == status
    assert "<h1>" in answer.text


async def test_every_answer_carries_the_security_headers_and_no_page_is_stored(
    world: ConsoleWorld,
) -> None:
    async with world.browser() as browser:
        page = await browser.get("/sign-in")
        stylesheet = await browser.get(re.findall(r'href="(/static/console[^"]+)"', page.text)[0])

    for answer in (page, stylesheet):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert "immutable" in stylesheet.headers["cache-control"]


async def test_a_person_without_a_workspace_is_told_whom_to_ask(world: ConsoleWorld) -> None:
    world.person()
    async with world.browser() as browser:
        await sign_in(browser)
        answer = await browser.get("/")

    assert answer.status_code == 200
    assert "firstparty workspaces add" in answer.text


async def test_the_rest_api_answers_beside_the_console_it_carries(world: ConsoleWorld) -> None:
    app = build_app(store=world.store, settings=world.settings)
    app.mount("/", build_console(store=world.store, settings=world.settings))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
    ) as browser:
        schema = await browser.get("/openapi.json")
        nothing = await browser.get("/api/v1/nothing")
        start = await browser.get("/")
        page = await browser.get("/nothing")
        stylesheet = await browser.get("/static/console.css")

    assert schema.json()["openapi"].startswith("3.1")
    assert nothing.headers["content-type"] == "application/problem+json"
    assert start.headers["location"] == "/sign-in"
    assert page.status_code == 404
    assert "Nothing here" in page.text
    assert stylesheet.status_code == 200


def test_the_vendored_script_is_the_one_its_readme_names() -> None:
    vendor = DIRECTORY / "static" / "vendor"
    digest = hashlib.sha256((vendor / "htmx.min.js").read_bytes()).hexdigest()

    assert digest in (vendor / "README.md").read_text()


async def sign_in(
    browser: httpx.AsyncClient,
    *,
    email: str = EMAIL,
    password: str = PASSWORD,
    at: str = "/sign-in",
    next: str | None = None,  # noqa: A002 - the name of the form's field
) -> httpx.Response:
    page = await browser.get(at)
    hidden = re.findall(r'name="next" value="([^"]*)"', page.text)[0]
    return await browser.post(
        "/sign-in",
        data={
            "csrf": csrf_of(page),
            "email": email,
            "password": password,
            "next": unescape(hidden) if next is None else next,
        },
    )


async def fill_in_domain(
    browser: httpx.AsyncClient, path: str, **fields: str | list[str]
) -> httpx.Response:
    page = await browser.get(path)
    form = {"cdn_label": "evs", "api_label": "api", "has_csp": "no", "description": ""}
    return await browser.post(path, data={"csrf": csrf_of(page)} | form | fields)


def csrf_of(page: httpx.Response) -> str:
    return unescape(CSRF.findall(page.text)[0])


def text_of(page: httpx.Response) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page.text))


def without_secrets(text: str) -> str:
    return CSRF.sub("", text)


def field_of(page: str, name: str) -> str:
    """The part of the page from a field's error to the field itself."""
    start = page.index(f'id="{name}-wrong"')
    return page[start : start + 700]
