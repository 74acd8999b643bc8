"""The doctor's check in a browser, as it is installed: its queue, its words, and its rules."""

from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from firstparty.config.settings import Settings, SiteCheckSettings
from firstparty.doctor.checks import Result, Verdict
from firstparty.doctor.examine import examine
from firstparty.serve.browser_doctor import build_browser_check
from firstparty.sitecheck.check import Queue
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM
from tests.fakes.site_visits import LONG
from tests.installation import Installation, an_installation


async def look(
    folder: Path, here: Installation, address: str, **settings: object
) -> dict[str, Result]:
    check = build_browser_check(
        address,
        workspace_id=here.ours.id,
        store=here.store,
        settings=Settings(site_check=msgspec.convert(settings, SiteCheckSettings)),
        queue=Queue(lock=folder / "lock", patience=LONG),
    )
    return {one.found.code: one async for one in examine([check])}


@pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM)
async def test_a_source_without_a_domain_is_known_by_its_write_key(tmp_path: Path) -> None:
    here = an_installation(tmp_path)
    source = here.source().source
    taken: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        taken.append(f"{request.method} {request.path}")
        body = f'{{"type": "track", "writeKey": "{source.write_key}"}}'
        text = f"<script>fetch('/v1/t', {{method: 'POST', body: '{body}'}})</script>"
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    page = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        refused = await look(tmp_path, here, page)
        asked_before = list(taken)
        found = await look(tmp_path, here, page, allow_private=True)
    finally:
        await runner.cleanup()

    assert set(refused) == {"page-unreachable"}
    assert "which is not a public one" in refused["page-unreachable"].found.sentence
    assert asked_before == []
    assert {"snippet-found", "events-elsewhere", "messages-seen", "gpc-ignored"} <= set(found)
    assert found["messages-seen"].found.evidence
    assert "POST /v1/t" not in taken


@pytest.mark.parametrize(
    ("binary", "code"), [("no-such-browser", "browser-missing"), ("false", "browser-not-started")]
)
async def test_what_is_missing_is_said(tmp_path: Path, binary: str, code: str) -> None:
    here = an_installation(tmp_path)
    found = await look(tmp_path, here, "https://www.shop.com/", chromium=binary)

    assert set(found) == {code}
    assert found[code].found.verdict is Verdict.UNKNOWN
    assert found[code].found.fix
