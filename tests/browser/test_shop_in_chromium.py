import asyncio
import contextlib
import json
import shlex
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from firstparty.demo.shop import serve_shop
from tests.fakes.cdn_rig import (
    ANALYTICS_NEXT,
    API_HOST,
    CDN_HOST,
    WITHOUT_NPM,
    a_domain,
    a_source,
    a_store,
    running_cdn,
    until_known,
)
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM, Tab, running_tab
from tests.fakes.tls_front import Front, running_front

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM),
    pytest.mark.skipif(not ANALYTICS_NEXT.exists(), reason=WITHOUT_NPM),
]


@contextlib.asynccontextmanager
async def running_upstream(front: Front) -> AsyncIterator[str]:
    """An upstream that has received whatever the front's API host took."""

    async def show_received(request: web.BaseRequest) -> web.StreamResponse:
        after = int(request.query["after"])
        lines = [
            {"received_at": datetime.now(UTC).isoformat(), "message": message}
            for message in front.messages()
        ]
        return web.json_response(
            {"messages": lines[after:], "next": len(lines)},
            headers={"Access-Control-Allow-Origin": "*"},
        )

    listener = socket.create_server(("127.0.0.1", 0))
    runner = web.ServerRunner(web.Server(show_received, access_log=None), shutdown_timeout=1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def running_shop(folder: Path) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    role = asyncio.create_task(serve_shop(listener=listener, state=folder))
    try:
        yield f"http://localhost:{listener.getsockname()[1]}/"
    finally:
        role.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await role


def write_report(folder: Path, front: Front, upstream: str, *, status: str = "live") -> None:
    source = a_source()
    report = {
        "console": {"password": "planted-secret"},
        "edge": {"https": f"127.0.0.1:{front.port}", "ca": str(front.certificate)},
        "upstream": {"url": upstream},
        "domains": [
            {
                "name": "cdp.shop.test",
                "cdn_host": CDN_HOST,
                "api_host": API_HOST,
                "status": status,
                "sources": [
                    {"type": "python", "write_key": "WK2", "alias_url": "https://x/y/z.min.js"},
                    {
                        "type": "javascript",
                        "write_key": source.write_key,
                        "alias_url": f"https://{CDN_HOST}:{front.port}/{source.alias}.min.js",
                    },
                ],
            }
        ],
    }
    (folder / "demo.json").write_text(json.dumps(report))


async def shown_command(tab: Tab, shop: str) -> list[str]:
    await tab.page.goto(shop)
    return shlex.split(await tab.page.text_content("#command-again") or "")


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Front]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    store = a_store(tmp_path, a_domain())
    async with (
        running_cdn(tmp_path, store, https_port=port) as cdn,
        running_front(tmp_path, cdn=cdn, listener=listener) as front,
    ):
        await until_known(cdn)
        yield front


async def test_each_message_is_seen_on_its_way_upstream(tmp_path: Path, edge: Front) -> None:
    async with running_upstream(edge) as upstream, running_shop(tmp_path) as shop:
        write_report(tmp_path, edge, upstream)
        async with running_tab() as tab:
            command = await shown_command(tab, shop)
        flags = [word for word in command[1:-1] if "user-data-dir" not in word]
        async with running_tab(*flags) as tab:
            await tab.page.goto(shop)
            await tab.page.click("text=Add to basket >> nth=0")
            await tab.page.click("text=Sign in as Ada")
            await tab.page.click("text=View the basket")
            for figure in ("sent", "accepted", "arrived"):
                await tab.page.wait_for_selector(f"#{figure}:text-is('4')")
            leaks = await tab.page.text_content("#leaks")
            is_help_shown = await tab.page.is_visible("#unreachable")
            await tab.page.screenshot(path=tmp_path / "shop.png", full_page=True)

            assert command[-1] == shop
            assert leaks == "0"
            assert not is_help_shown
            assert tab.complaints == []
            assert tab.hosts == {"localhost", "127.0.0.1", CDN_HOST, API_HOST}


async def test_a_browser_that_cannot_reach_the_edge_is_told_how(
    tmp_path: Path, edge: Front
) -> None:
    async with (
        running_upstream(edge) as upstream,
        running_shop(tmp_path) as shop,
        running_tab(f"--host-resolver-rules=MAP *.cdp.shop.test 127.0.0.1:{edge.port}") as tab,
    ):
        write_report(tmp_path, edge, upstream)
        await tab.page.goto(shop)
        await tab.page.wait_for_selector("#unreachable", state="visible")
        command = await tab.page.text_content("#command") or ""
        page = await tab.page.content()

        assert f"--ignore-certificate-errors-spki-list={edge.spki}" in command
        assert "planted-secret" not in page


async def test_the_shop_waits_for_its_domain(tmp_path: Path, edge: Front) -> None:
    async with (
        running_upstream(edge) as upstream,
        running_shop(tmp_path) as shop,
        running_tab() as tab,
    ):
        await tab.page.goto(shop)
        before = await tab.page.text_content("main")
        write_report(tmp_path, edge, upstream, status="issuing")
        await tab.page.goto(shop)
        meanwhile = await tab.page.text_content("main")
        write_report(tmp_path, edge, upstream)
        await tab.page.wait_for_selector("text=Stoneware mug")

        assert "not asked for yet" in (before or "")
        assert "issuing" in (meanwhile or "")
