"""The CDN role while its upstream is away, or answers what may not be kept."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from firstparty.cdn.answers import NOT_FOUND_TEXT
from firstparty.demo.cdn import ACTION, CLASSIC, MIDDLEWARE
from tests.mirror_rig import (
    INTEGRATIONS,
    SETTINGS,
    Outside,
    a_cdn,
    a_cdn_again,
    a_server,
    running_upstream,
)

DAY = timedelta(days=1)


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    async with running_upstream(tmp_path) as outside:
        yield outside


@pytest.mark.parametrize("mode", ["down", "500", "page", "429", "reset", "slow"])
@pytest.mark.parametrize("age", [timedelta(minutes=2), timedelta(days=3)])
async def test_what_is_known_is_answered_whatever_the_upstream_does(
    tmp_path: Path, outside: Outside, mode: str, age: timedelta
) -> None:
    paths = (SETTINGS, INTEGRATIONS, CLASSIC, ACTION, MIDDLEWARE)
    async with a_cdn(tmp_path, outside) as cdn:
        before = [await cdn.get(path) for path in paths]
        await outside.behave(mode)
        outside.clock.now += age
        after = await asyncio.gather(*(cdn.get(path) for path in paths))

    assert {answer.status for answer, _ in (*before, *after)} == {200}
    assert [body for _, body in after] == [body for _, body in before]


async def test_a_restart_keeps_the_copies(tmp_path: Path, outside: Outside) -> None:
    async with a_cdn(tmp_path, outside) as cdn:
        _, before = await cdn.get(SETTINGS)
    await outside.behave("down")
    outside.clock.now += DAY
    async with a_cdn_again(tmp_path, outside) as cdn:
        answer, after = await cdn.get(SETTINGS)

    assert answer.status == 200
    assert after == before


@pytest.mark.parametrize("mode", ["down", "500", "page"])
@pytest.mark.parametrize("path", [SETTINGS, INTEGRATIONS, CLASSIC])
async def test_what_is_unknown_is_no_script_and_no_page_while_the_upstream_fails(
    tmp_path: Path, outside: Outside, mode: str, path: str
) -> None:
    await outside.behave(mode)
    async with a_cdn(tmp_path, outside) as cdn:
        answer, body = await cdn.get(path)

    assert (answer.status, body) == (502, NOT_FOUND_TEXT)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_stored_settings_stand_in_for_an_upstream_that_never_answered(
    tmp_path: Path, outside: Outside
) -> None:
    await outside.behave("down")
    source = outside.mirrored(settings={"integrations": {"Stored": {}}})
    async with a_cdn(tmp_path, outside, source) as cdn:
        settings, body = await cdn.get(SETTINGS, **{"Accept-Encoding": "identity"})
        integrations, _ = await cdn.get(INTEGRATIONS)

    assert (settings.status, integrations.status) == (200, 200)
    assert set(json.loads(body)["integrations"]) == {"Stored", "Segment.io"}


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        pytest.param(200, b"x" * (2 * 1024**2 + 1), {}, id="too long"),
        pytest.param(200, gzip.compress(b"x" * 17 * 1024**2), {"Content-Encoding": "gzip"}, id="a"),
        pytest.param(302, b"", {"Location": "/other.js"}, id="a redirect"),
        pytest.param(206, b"window.x = 1;", {}, id="a part"),
        pytest.param(304, b"", {}, id="304 without a question"),
        pytest.param(403, b"window.x = 1;", {}, id="403"),
    ],
)
async def test_what_may_not_be_kept_is_not_served(
    tmp_path: Path, status: int, body: bytes, headers: dict[str, str]
) -> None:
    async def upstream(_request: web.BaseRequest) -> web.Response:
        return web.Response(
            status=status, body=body, headers={"Content-Type": "text/javascript"} | headers
        )

    async with a_server(upstream) as url, a_cdn(tmp_path, Outside(url, None)) as cdn:  # type: ignore[arg-type]
        answer, said = await cdn.get(ACTION)

    assert (answer.status, said) == (502, NOT_FOUND_TEXT)


async def test_a_copy_that_was_damaged_on_disk_is_fetched_again(
    tmp_path: Path, outside: Outside
) -> None:
    async with a_cdn(tmp_path, outside) as cdn:
        _, before = await cdn.get(ACTION)
    (file,) = (tmp_path / "cdn" / "mirror").iterdir()
    file.write_bytes(file.read_bytes().replace(b"window", b"w1ndow"))
    async with a_cdn_again(tmp_path, outside) as cdn:
        _, after = await cdn.get(ACTION)

    assert after == before


async def test_a_flood_of_made_up_paths_leaves_settings_their_way(tmp_path: Path) -> None:
    asked: set[str] = set()
    hold = asyncio.Event()

    async def upstream(request: web.BaseRequest) -> web.Response:
        if request.path != SETTINGS:
            asked.add(request.path)
            await hold.wait()
        return web.json_response({"integrations": {}})

    async with a_server(upstream) as url, a_cdn(tmp_path, Outside(url, None)) as cdn:  # type: ignore[arg-type]
        flood = [
            asyncio.create_task(cdn.get(f"/next-integrations/actions/made-up/{number}.js"))
            for number in range(90)
        ]
        refused, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
        settings, _ = await cdn.get(SETTINGS)
        hold.set()
        await asyncio.gather(*flood)

    assert {task.result()[0].status for task in refused} == {502}
    assert settings.status == 200
    assert len(asked) <= 64
