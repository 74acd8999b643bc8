"""Pages that do their worst to the site check: its bounds hold, and no browser is left behind."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from firstparty.outbound.http import SafeClient
from firstparty.sitecheck.check import Busy, Queue, check_page
from firstparty.sitecheck.judge import judge_visit
from firstparty.sitecheck.observed import Bounds, Visit
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM
from tests.fakes.site_lab import PUBLIC, SiteLab, running_lab
from tests.fakes.site_visits import PATIENT, list_browsers, visits_of

pytestmark = pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM)

PAGE = "https://www.shop.test/"
BRIEF = replace(PATIENT, visit=timedelta(seconds=6))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[SiteLab]:
    async with running_lab(tmp_path) as lab:
        yield lab
        assert list_browsers(lab) == []


@contextlib.asynccontextmanager
async def inner_server() -> AsyncIterator[tuple[int, list[bytes]]]:
    """Something on this machine's loopback that nobody outside may reach, and who tried."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1_000))
        writer.write(
            b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\nhi"
        )
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def visit(
    lab: SiteLab, folder: Path, script: str, *, bounds: Bounds = PATIENT, **more: str
) -> Visit:
    lab.html("www.shop.test/", f"<html><body>{script}</body></html>", **more)
    return (await visits_of(lab, PAGE, folder=folder, bounds=bounds))[0].visit


def codes_of(visit: Visit) -> set[str]:
    return {one.code for one in judge_visit(visit, (), find_policy_lines=lambda *_: ())}


INSIDE = """<script>
for (const host of ["127.0.0.1", "localhost", "[::1]", "0x7f000001", "inner.shop.test"]) {
  for (const scheme of ["http", "https", "ws", "wss"]) {
    const url = scheme + "://" + host + ":PORT/secret";
    try { scheme[0] === "w" ? new WebSocket(url) : fetch(url, {mode: "no-cors"}).catch(() => 0); }
    catch (error) {}
    const image = new Image(); image.src = "http://" + host + ":PORT/secret.png";
  }
}
fetch("http://169.254.169.254/latest/meta-data/").catch(() => 0);
</script><iframe src="http://127.0.0.1:PORT/frame"></iframe>
<iframe src="file:///etc/passwd"></iframe>"""


async def test_nothing_inside_is_reached_by_any_spelling_or_protocol(
    lab: SiteLab, tmp_path: Path
) -> None:
    lab.addresses["inner.shop.test"] = ["10.0.0.1"]
    lab.addresses["localhost"] = ["127.0.0.1"]
    async with inner_server() as (port, heard):
        seen = await visit(lab, tmp_path, INSIDE.replace("PORT", str(port)))
        refused = list(heard)
        # The same page where the operator allows it: so a way in would have been noticed.
        async with running_lab(tmp_path) as open_lab:
            open_lab.html("www.shop.test/", "<html></html>")
            url = f"http://localhost:{port}/allowed"
            client = SafeClient(allow_private=True)
            await visits_of(open_lab, url, folder=tmp_path, bounds=PATIENT, client=client)

    assert refused == []
    assert any(b"/allowed" in one for one in heard)
    assert "asks-inside" in codes_of(seen)
    assert seen.document.status == 200


async def test_a_name_that_changes_its_address_is_asked_at_the_first_one(
    lab: SiteLab, tmp_path: Path
) -> None:
    lab.addresses["www.shop.test"] = [PUBLIC, "127.0.0.1"]
    again = "<script>setTimeout(() => fetch('/again', {cache: 'no-store'}), 1000)</script>"
    seen = await visit(lab, tmp_path, again + lab.hold("www.shop.test/again"))

    assert lab.asked_names.count("www.shop.test") == 1
    assert "/again" in lab.paths("www.shop.test")
    assert not [one for one in seen.exchanges if one.is_inside]


async def test_redirects_without_end_are_ended(lab: SiteLab, tmp_path: Path) -> None:
    counter = iter(range(10_000))

    async def away(_: web.Request) -> web.Response:
        raise web.HTTPFound(f"/{next(counter)}")

    lab.pages["loop.shop.test"] = away
    [by_header] = await visits_of(lab, "https://loop.shop.test/", folder=tmp_path, bounds=PATIENT)
    by_script = await visit(lab, tmp_path, "<script>location.href = '/?' + Math.random()</script>")

    assert codes_of(by_header.visit) == {"page-unreachable"}
    assert by_script.stopped == "navigations"
    assert "page-stopped-navigations" in codes_of(by_script)
    assert len(lab.seen) < 2 * 40


@pytest.mark.parametrize(
    ("script", "stopped"),
    [
        ("<script>while (true) alert('again')</script>", "dialogs"),
        ("<script>while (true) {}</script>", "time"),
        ("<script>setInterval(() => fetch('/again?' + Math.random()), 1)</script>", "requests"),
    ],
)
async def test_a_page_that_never_ends_is_ended(
    lab: SiteLab, tmp_path: Path, script: str, stopped: str
) -> None:
    bounds = replace(BRIEF if stopped == "time" else PATIENT, max_requests=100)
    held = lab.hold("www.shop.test/again", times=100)
    seen = await visit(lab, tmp_path, script + held, bounds=bounds)

    assert seen.stopped == stopped
    assert f"page-stopped-{stopped}" in codes_of(seen)
    assert len(lab.seen) <= 100


async def test_a_gigabyte_is_neither_loaded_nor_kept(lab: SiteLab, tmp_path: Path) -> None:
    sent = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        kind = "application/octet-stream" if "download" in request.path else "text/javascript"
        answer = web.StreamResponse(headers={"Content-Type": kind})
        await answer.prepare(request)
        for _ in range(1024):
            await answer.write(b" " * 1024 * 1024)
            sent += 1
        return answer

    lab.pages["big.shop.test"] = pour
    script = await visit(lab, tmp_path, '<script src="https://big.shop.test/x.js"></script>')
    of_script, sent = sent, 0
    frame = "<script>location.href = 'https://big.shop.test/download'</script>"
    download = await visit(lab, tmp_path, frame)

    assert script.stopped == "bytes"
    # What the sockets between have taken comes on top.
    assert of_script < 100
    assert sent < 100
    assert download.document.status == 200


async def test_popups_workers_and_sockets_lead_nowhere(lab: SiteLab, tmp_path: Path) -> None:
    worker = (
        "fetch('https://api.shop.test/v1/t', {method: 'POST', body: '{\"type\": \"track\"}'})"
        ".then(() => fetch('/sent'))"
    )
    lab.text("www.shop.test/sw.js", f"self.addEventListener('install', () => {worker});")
    lab.text("www.shop.test/worker.js", worker)
    seen = await visit(
        lab,
        tmp_path,
        "<script>for (let i = 0; i < 20; i++) window.open('https://pop.shop.test/' + i);"
        "navigator.serviceWorker.register('/sw.js'); new Worker('/worker.js');"
        "new WebSocket('wss://ws.shop.test/');"
        "navigator.sendBeacon('https://api.shop.test/v1/b', '{\"batch\": []}');"
        "top.location = 'data:text/html,<p>data</p>'; top.location = 'file:///etc/passwd';"
        "</script>" + lab.hold("www.shop.test/sent", times=2),
    )
    taken = [one for one in seen.exchanges if one.host == "api.shop.test" and one.is_local]

    assert lab.paths("api.shop.test") == []
    assert len([one for one in taken if one.path == "/v1/t"]) == 2
    assert [one.method for one in taken if one.path == "/v1/b"] == ["POST"]
    assert lab.paths("ws.shop.test") == lab.paths("pop.shop.test") == []
    assert seen.document.url == PAGE


async def test_leaving_early_ends_the_browser_and_others_wait_or_are_told(
    lab: SiteLab, tmp_path: Path
) -> None:
    is_open = asyncio.Event()

    async def hold(_: web.Request) -> web.Response:
        is_open.set()
        await asyncio.sleep(600)
        return web.Response()

    lab.pages["www.shop.test/"] = hold

    async def look(queue: Queue) -> None:
        checked = check_page(
            PAGE,
            binary=CHROMIUM,
            client=lab.client(),
            queue=queue,
            api_hosts=frozenset(),
            bounds=PATIENT,
            profiles=lab.profiles,
        )
        async with aclosing(checked):
            async for _ in checked:
                pass

    first = asyncio.create_task(look(Queue(lock=tmp_path / "lock")))
    await is_open.wait()
    running = list_browsers(lab)
    with pytest.raises(Busy):
        await look(Queue(lock=tmp_path / "lock", patience=timedelta(milliseconds=1)))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)

    assert running  # the rig sees browsers where there are any
    assert list_browsers(lab) == []
