"""A page's own policy, fetched over real TLS."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from firstparty.control.callers import SYSTEM
from firstparty.control.csp_page import PageCheck, check_page_policy
from firstparty.control.sources import SourceView, show_source
from firstparty.errors import Refused
from firstparty.outbound.http import SafeClient
from tests.console_forms import csrf_of, field_of, sign_in, text_of
from tests.console_world import running_console
from tests.fakes.reconciled import World
from tests.fakes.throwaway_ca import ThrowawayCa
from tests.installation import RULES

BROKEN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n"
    b"Content-Length: 3\r\n\r\nabc"
)


@pytest.fixture
def ca(tmp_path: Path) -> ThrowawayCa:
    return ThrowawayCa(tmp_path)


@pytest.fixture
def view(tmp_path: Path) -> SourceView:
    world = World.make(tmp_path)
    world.ask_for()
    found = show_source(world.store, SYSTEM, "src_1", rules=RULES)
    world.store.close()
    return found


@asynccontextmanager
async def a_site(ca: ThrowawayCa, *answers: bytes) -> AsyncIterator[int]:
    """A server that gives these answers, one a connection."""
    left = list(answers)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=ca.context(ca.leaf()))
    async with server:
        yield int(server.sockets[0].getsockname()[1])


def an_answer(body: str, *headers: str, encoding: bytes = b"") -> bytes:
    raw = gzip.compress(body.encode()) if encoding else body.encode()
    head = ["HTTP/1.1 200 OK", "Content-Type: text/html; charset=utf-8", *headers]
    lines = "\r\n".join(head).encode()
    return lines + encoding + b"\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw


async def check(view: SourceView, ca: ThrowawayCa, *answers: bytes) -> PageCheck:
    async with a_site(ca, *answers) as port:
        client = SafeClient(allow_private=True, ca_pem=ca.pem)
        return await check_page_policy(view, f"https://localhost:{port}/shop", client)


async def test_header_report_only_and_meta_of_a_page_are_checked_behind_a_redirect(
    view: SourceView, ca: ThrowawayCa
) -> None:
    meta = "<meta http-equiv=content-security-policy content=\"connect-src 'none'\">"
    page = f"{meta}<script nonce=n1>WKSHOPWEB</script>"
    async with a_site(
        ca,
        b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n",
        an_answer(
            page,
            "Content-Security-Policy: script-src 'nonce-n1'",
            "Content-Security-Policy: img-src *",
            "Content-Security-Policy-Report-Only: default-src 'none'",
            encoding=b"\r\nContent-Encoding: gzip",
        ),
    ) as port:
        client = SafeClient(allow_private=True, ca_pem=ca.pem)
        found = await check_page_policy(view, f"https://localhost:{port}/shop", client)
    blocked = {one.need.what: one.blocked_by for one in found.check.verdicts}

    assert found.url.endswith("/next")
    assert found.facts.has_nonce
    assert blocked["snippet"] == ()
    assert blocked["script"] == ("script-src",)
    assert blocked["settings"] == blocked["events"] == ("connect-src",)
    assert any(one.reported_by for one in found.check.verdicts)


async def test_a_page_without_a_policy_blocks_nothing(view: SourceView, ca: ThrowawayCa) -> None:
    found = await check(view, ca, an_answer("<p>hello"))

    assert found.check.is_allowed
    assert not found.facts.has_snippet


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 0\r\n\r\n", "not HTML"),
        (
            BROKEN,
            "gzip is broken",
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n", "no address"),
    ],
)
async def test_what_is_no_page_is_refused_with_the_reason(
    view: SourceView, ca: ThrowawayCa, answer: bytes, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        await check(view, ca, answer)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://10.0.0.1:8080/"]
)
async def test_a_page_at_an_address_that_is_not_public_is_never_asked_for(
    view: SourceView, url: str
) -> None:
    with pytest.raises(Refused, match="public"):
        await check_page_policy(view, url, SafeClient(allow_private=False))


@pytest.mark.parametrize(
    "url", ["http://www.shop.com/", "ftp://x/", "https://u@x/", "https://[::1", ""]
)
async def test_an_address_that_is_no_pages_is_refused(view: SourceView, url: str) -> None:
    with pytest.raises(Refused, match="no address of a page"):
        await check_page_policy(view, url, SafeClient(allow_private=False))


async def test_the_console_shows_what_a_fetched_page_blocks_and_keeps_a_refused_address(
    ca: ThrowawayCa, tmp_path: Path
) -> None:
    client = SafeClient(allow_private=True, ca_pem=ca.pem)
    answer = an_answer("<html></html>", "Content-Security-Policy: default-src 'self'")
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(running_console(tmp_path, client=client))
        port = await stack.enter_async_context(a_site(ca, answer))
        browser = await stack.enter_async_context(world.browser())
        shop = world.workspace()
        world.person(shop)
        source = world.source(shop)
        world.domain(shop, "cdp.shop.test", source)
        path = f"/workspaces/{shop.id}/sources/{source.id}/policy"
        await sign_in(browser)
        csrf = {"csrf": csrf_of(await browser.get(path))}
        page = f"https://127.0.0.1:{port}/"
        blocked = await browser.post(f"{path}/page", data=csrf | {"url": page})
        refused = await browser.post(f"{path}/page", data=csrf | {"url": "http://<b>"})

    assert "It blocks what this source needs" in text_of(blocked)
    assert "default-src 'self'" in text_of(blocked)
    assert "a tag manager may add it later" in text_of(blocked)
    assert refused.status_code == 422
    assert "is no address of a page here" in field_of(refused.text, "url")
    assert 'value="http://&lt;b&gt;"' in refused.text
