"""The CDN role in front of the demo's upstream."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from firstparty.cdn.answers import NOT_FOUND_TEXT
from firstparty.cdn.assets import AssetCache
from firstparty.cdn.bundles import Library
from firstparty.cdn.directory import Directory
from firstparty.cdn.host import CACHE_BYTES, CdnHost
from firstparty.cdn.mirror import open_mirror
from firstparty.demo.cdn import ACTION, CLASSIC, MIDDLEWARE
from firstparty.model.feed import FeedEntry, Topic
from tests.fakes.cdn_rig import (
    API_HOST,
    CDN_HOST,
    a_domain,
    a_source,
)
from tests.mirror_rig import INTEGRATIONS, SETTINGS, Outside, a_cdn, a_server, running_upstream


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    async with running_upstream(tmp_path) as outside:
        yield outside


async def test_settings_come_from_the_upstream_with_our_hosts_in_them(
    tmp_path: Path, outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "firstparty.cdn")
    async with a_cdn(tmp_path, outside) as cdn:
        answer, body = await cdn.get(SETTINGS)
    settings = json.loads(gzip.decompress(body))
    (event,) = [one for one in caplog.records if one.message == "cdn.settings_mirrored"]

    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert settings["integrations"]["Segment.io"]["apiHost"] == f"{API_HOST}/v1"
    assert settings["metrics"] == {"sampleRate": 0.1, "host": f"{API_HOST}/v1"}
    assert settings["remotePlugins"][0]["url"] == f"https://{CDN_HOST}{ACTION}"
    assert "Tiny Tracker" in settings["integrations"]
    host = outside.url.removeprefix("http://")
    assert event.__dict__["firstparty_facts"] == {"source": "src_WK1", "api_host": f"{host}/v1"}


async def test_the_integrations_list_comes_from_the_upstream(
    tmp_path: Path, outside: Outside
) -> None:
    async with a_cdn(tmp_path, outside) as cdn:
        _, body = await cdn.get(INTEGRATIONS, **{"Accept-Encoding": "identity"})

    assert [one["name"] for one in json.loads(body)] == ["Tiny Tracker", "Tiny Action"]


@pytest.mark.parametrize("origin", ["mirror", "self-hosted"])
@pytest.mark.parametrize("path", [CLASSIC, MIDDLEWARE])
@pytest.mark.parametrize("accepted", ["identity", "gzip"])
async def test_gz_names_are_gzip_once_for_everybody(
    tmp_path: Path, outside: Outside, origin: str, path: str, accepted: str
) -> None:
    async with a_cdn(tmp_path, outside, outside.mirrored(origin=origin)) as cdn:
        answer, body = await cdn.get(path, **{"Accept-Encoding": accepted})

    assert answer.status == 200
    assert answer.headers.getall("Content-Encoding") == ["gzip"]
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert b"window[" in gzip.decompress(body)


async def test_what_is_versioned_is_immutable_and_latest_is_not(
    tmp_path: Path, outside: Outside
) -> None:
    async with a_cdn(tmp_path, outside) as cdn:
        versioned, _ = await cdn.get(CLASSIC)
        hashed, _ = await cdn.get(ACTION)
        latest, _ = await cdn.get(MIDDLEWARE)

    assert "immutable" in versioned.headers["Cache-Control"]
    assert "immutable" in hashed.headers["Cache-Control"]
    assert latest.headers["Cache-Control"].startswith("public, max-age=300,")


async def test_without_an_upstream_there_is_no_code_of_destinations(
    tmp_path: Path, outside: Outside
) -> None:
    async with a_cdn(tmp_path, outside, a_source()) as cdn:
        answer, body = await cdn.get(CLASSIC)

    assert (answer.status, body) == (404, NOT_FOUND_TEXT)


async def test_a_thousand_first_requests_are_one_upstream(tmp_path: Path, outside: Outside) -> None:
    assets = AssetCache(max_bytes=CACHE_BYTES)
    directory = Directory(https_port=443)
    domain = a_domain(outside.mirrored())
    entry = FeedEntry(revision=1, topic=Topic.EDGE, key=domain.id, body=msgspec.json.encode(domain))
    directory.apply([entry])
    library = Library(scripts={}, bundles={})
    async with open_mirror(tmp_path / "mirror", assets, clock=outside.clock) as mirror:
        host = CdnHost(directory, library, mirror, assets)
        asked = [
            host.answer(method="GET", host=CDN_HOST, path=SETTINGS, headers={})
            for _ in range(1_000)
        ]
        answers = await asyncio.gather(*asked)

    assert {answer.status for answer in answers} == {200}
    assert await outside.fetched(SETTINGS) == 1


async def test_an_absence_is_believed_for_seconds(tmp_path: Path, outside: Outside) -> None:
    path = "/next-integrations/integrations/none/1.0.0/none.dynamic.js.gz"
    async with a_cdn(tmp_path, outside) as cdn:
        for _ in range(3):
            answer, body = await cdn.get(path)
            assert (answer.status, body) == (404, NOT_FOUND_TEXT)
        believed = await outside.fetched(path)
        outside.clock.now += timedelta(seconds=10)
        await cdn.get(path)

    assert answer.headers["Cache-Control"] == "public, max-age=5"
    assert believed == 1
    assert await outside.fetched(path) == 2


async def test_an_old_copy_is_renewed_behind_the_answer_by_its_tag(
    tmp_path: Path, outside: Outside
) -> None:
    async with a_cdn(tmp_path, outside) as cdn:
        await cdn.get(SETTINGS)
        await cdn.get(SETTINGS)
        fresh = await outside.fetched(SETTINGS)
        outside.clock.now += timedelta(minutes=2)
        await cdn.get(SETTINGS)
        await outside.until_fetched(SETTINGS, 2)
        answer, _ = await cdn.get(SETTINGS)

    assert fresh == 1
    assert answer.status == 200
    assert await outside.fetched(SETTINGS) == 2


async def test_the_query_and_headers_of_a_visitor_reach_neither_upstream_nor_copy(
    tmp_path: Path,
) -> None:
    seen: list[dict[str, str]] = []

    async def upstream(request: web.BaseRequest) -> web.Response:
        seen.append({"path": request.raw_path, **request.headers})
        return web.Response(body=b"window.x = 1;", content_type="application/javascript")

    async with a_server(upstream) as url:
        outside = Outside(url, None)  # type: ignore[arg-type]
        async with a_cdn(tmp_path, outside) as cdn:
            odd = {"Cookie": "s=1", "X-Forwarded-For": "192.0.2.1", "Origin": "https://evil.test"}
            _, first = await cdn.get(f"{ACTION}?x=evil", **odd, **{"User-Agent": "evil"})
            _, second = await cdn.get(ACTION)

    (request,) = seen
    assert first == second
    assert request["path"] == ACTION
    assert set(request) == {"path", "Host", "Accept", "Accept-Encoding", "User-Agent"}
    assert "evil" not in str(request)


async def test_chunks_that_we_never_had_come_from_the_upstream(tmp_path: Path) -> None:
    async def upstream(_request: web.BaseRequest) -> web.Response:
        return web.Response(body=b"window.x = 1;", content_type="application/javascript")

    path = "/analytics-next/bundles/old.bundle.0a1b2c3d4e5f6071.js"
    async with a_server(upstream) as url, a_cdn(tmp_path, Outside(url, None)) as cdn:  # type: ignore[arg-type]
        chunk, body = await cdn.get(path)
        other, _ = await cdn.get("/analytics-next/bundles/other.js")

    assert (chunk.status, body) == (200, b"window.x = 1;")
    assert other.status == 404
