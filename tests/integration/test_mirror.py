"""The CDN role in front of the demo's upstream."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse, ClientSession, web

from firstparty.cdn.answers import NOT_FOUND_TEXT
from firstparty.cdn.assets import AssetCache
from firstparty.cdn.bundles import Library
from firstparty.cdn.directory import Directory
from firstparty.cdn.host import CACHE_BYTES, CdnHost
from firstparty.cdn.mirror import open_mirror
from firstparty.demo.cdn import ACTION, CLASSIC, MIDDLEWARE
from firstparty.demo.upstream import serve_upstream
from firstparty.model.feed import EdgeSource, FeedEntry, Topic
from firstparty.store.engine import Store
from tests.builders import NOW
from tests.fakes.cdn_rig import (
    API_HOST,
    CDN_HOST,
    a_domain,
    a_source,
    a_store,
    running_cdn,
    until_known,
)
from tests.ports import listener

SETTINGS = "/v1/projects/WK1/settings"
INTEGRATIONS = "/v1/projects/WK1/integrations"
DAY = timedelta(days=1)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Outside:
    """The demo's upstream, and what it was asked for."""

    url: str
    http: ClientSession
    clock: Clock = field(default_factory=Clock)

    async def behave(self, mode: str) -> None:
        async with self.http.post(f"{self.url}/_control", json={"mode": mode}) as answer:
            assert answer.status == 200

    async def fetched(self, path: str) -> int:
        async with self.http.get(f"{self.url}/_fetched") as answer:
            return int((await answer.json()).get(path, 0))

    async def until_fetched(self, path: str, times: int) -> None:
        async with asyncio.timeout(30):
            while await self.fetched(path) < times:
                await asyncio.sleep(0.01)

    def mirrored(self, **changes: Any) -> EdgeSource:
        return a_source(**({"origin": "mirror", "cdn_upstream": self.url} | changes))


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    tcp = listener()
    task = asyncio.create_task(serve_upstream(listener=tcp, received=tmp_path / "received"))
    host, port = tcp.getsockname()
    async with ClientSession() as http:
        yield Outside(f"http://{host}:{port}", http)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Cdn:
    def __init__(self, client: ClientSession) -> None:
        self._client = client

    async def get(self, path: str, **headers: str) -> tuple[ClientResponse, bytes]:
        async with self._client.get(
            f"http://cdn{path}", headers={"Host": CDN_HOST} | headers
        ) as answer:
            return answer, await answer.read()


@contextlib.asynccontextmanager
async def a_cdn(folder: Path, outside: Outside, *sources: EdgeSource) -> AsyncIterator[Cdn]:
    store = a_store(folder, a_domain(*(sources or (outside.mirrored(),))))
    async with running_cdn(folder, store, clock=outside.clock) as client:
        await until_known(client)
        while not (folder / "cdn.snapshot").exists():
            await asyncio.sleep(0.01)
        yield Cdn(client)


@contextlib.asynccontextmanager
async def a_cdn_again(folder: Path, outside: Outside) -> AsyncIterator[Cdn]:
    """The role after a restart: the store is gone, what it kept on disk is there."""
    nowhere = Store(f"sqlite:///{folder / 'no-such-folder' / 'store.db'}")
    async with running_cdn(folder, nowhere, clock=outside.clock) as client:
        await until_known(client)
        yield Cdn(client)


@contextlib.asynccontextmanager
async def a_server(
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    tcp = listener()
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.SockSite(runner, tcp).start()
    host, port = tcp.getsockname()
    yield f"http://{host}:{port}"
    await runner.cleanup()


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


async def test_chunks_that_we_never_had_come_from_the_upstream(tmp_path: Path) -> None:
    async def upstream(_request: web.BaseRequest) -> web.Response:
        return web.Response(body=b"window.x = 1;", content_type="application/javascript")

    path = "/analytics-next/bundles/old.bundle.0a1b2c3d4e5f6071.js"
    async with a_server(upstream) as url, a_cdn(tmp_path, Outside(url, None)) as cdn:  # type: ignore[arg-type]
        chunk, body = await cdn.get(path)
        other, _ = await cdn.get("/analytics-next/bundles/other.js")

    assert (chunk.status, body) == (200, b"window.x = 1;")
    assert other.status == 404


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
