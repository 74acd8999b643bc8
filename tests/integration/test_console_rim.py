"""What surrounds the console's pages: errors, headers, what it is mounted beside."""

import hashlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from firstparty.api.app import build_app
from firstparty.console.app import build_console
from firstparty.console.pages import DIRECTORY
from firstparty.model.certificates import Certificate
from firstparty.store import tables
from firstparty.store.certificates import add_certificate
from firstparty.store.sealing import Sealer
from tests.console_forms import sign_in, text_of
from tests.console_world import ConsoleWorld, running_console


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    async with running_console(tmp_path) as world:
        yield world


async def test_over_https_cookies_belong_to_this_host_alone(world: ConsoleWorld) -> None:
    world.person()
    app = build_console(store=world.store, settings=world.settings, sealer=Sealer(bytes(32)))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://console.test"
    ) as browser:
        answer = await sign_in(browser)
    session = next(
        cookie
        for cookie in answer.headers.get_list("set-cookie")
        if cookie.startswith("__Host-firstparty-session=")
    )

    assert "Secure" in session
    assert "Path=/" in session
    assert "Domain" not in session
    assert "max-age" in answer.headers["strict-transport-security"]


async def test_what_breaks_behind_a_page_is_one_sentence_and_not_a_trace(
    world: ConsoleWorld,
) -> None:
    shop = world.workspace()
    world.person(shop)
    domain = world.domain(shop, "cdp.shop.test", world.source(shop)).domain
    now = datetime.now(UTC)
    with world.store.write() as connection:
        broken = Certificate(
            id="crt_1",
            domain_id=domain.id,
            authority="local",
            names=domain.hosts,
            chain="not PEM",
            sealed_key=b"",
            not_before=now,
            not_after=now,
            created_at=now,
        )
        add_certificate(connection, broken)
    async with world.browser() as browser:
        await sign_in(browser)
        bug = await browser.get(f"/workspaces/{shop.id}/domains/{domain.id}")
        with world.store.write() as connection:
            tables.sessions.drop(connection)
        outage = await browser.get(f"/workspaces/{shop.id}/domains")

    assert bug.status_code == 500
    assert outage.status_code == 503
    for answer in (bug, outage):
        assert "Your domains go on working" in text_of(answer)
        assert not re.search(r"(?i)traceback|error:|sqlite|\.py", answer.text)


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


async def test_the_rest_api_answers_beside_the_console_it_carries(world: ConsoleWorld) -> None:
    app = build_app(store=world.store, settings=world.settings, sealer=Sealer(bytes(32)))
    app.mount(
        "/", build_console(store=world.store, settings=world.settings, sealer=Sealer(bytes(32)))
    )
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
