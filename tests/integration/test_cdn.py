import asyncio
import gzip
import json
from pathlib import Path

import pytest

from firstparty.cdn.answers import NOT_FOUND_TEXT
from firstparty.cdn.refusals import note_refusal
from firstparty.store.engine import Store
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

pytestmark = pytest.mark.skipif(not ANALYTICS_NEXT.exists(), reason=WITHOUT_NPM)

SCRIPT = "http://cdn/analytics.js/v1/WK1/analytics.min.js"
SETTINGS = "http://cdn/v1/projects/WK1/settings"
ALIASED = "http://cdn/mU51Acorm/go18rexsDt.min.js"
HOST = {"Host": CDN_HOST}


async def test_the_real_script_names_our_hosts_by_both_paths(tmp_path: Path) -> None:
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain()), https_port=8443) as cdn:
        await until_known(cdn)
        standard = await (await cdn.get(SCRIPT, headers=HOST)).read()
        aliased = await (await cdn.get(ALIASED, headers=HOST)).read()
    text = gzip.decompress(standard).decode()

    assert standard == aliased
    assert 'window.analyticsWriteKey="WK1"' in text
    assert f"https://{CDN_HOST}:8443/analytics-next/bundles/" in text
    assert f'"{API_HOST}:8443/v1"' in text
    assert "https://cdn.segment.com" not in text
    assert "api.segment.io" not in text


async def test_a_browser_that_has_the_script_gets_304(tmp_path: Path) -> None:
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain())) as cdn:
        await until_known(cdn)
        first = await cdn.get(SCRIPT, headers=HOST)
        again = await cdn.get(SCRIPT, headers=HOST | {"If-None-Match": first.headers["ETag"]})

        assert again.status == 304
        assert await again.read() == b""
        assert again.headers["Access-Control-Allow-Origin"] == "*"


async def test_every_chunk_of_the_package_is_served_under_both_names(tmp_path: Path) -> None:
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain())) as cdn:
        await until_known(cdn)
        for file in (ANALYTICS_NEXT / "dist" / "umd").glob("*.bundle.*.js"):
            for name in (file.name, f"{file.name}.gz"):
                url = f"http://cdn/analytics-next/bundles/{name}"
                answer = await cdn.get(url, headers=HOST)
                body = await answer.read()

                assert answer.status == 200, name
                assert answer.headers.getall("Content-Encoding") == ["gzip"]
                assert answer.headers["Content-Type"].startswith("text/javascript")
                assert "immutable" in answer.headers["Cache-Control"]
                assert gzip.decompress(body) == file.read_bytes()


async def test_settings_send_events_to_the_api_host(tmp_path: Path) -> None:
    source = a_source(settings={"integrations": {"Segment.io": {"x": 1}}, "unknown": [1]})
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain(source))) as cdn:
        await until_known(cdn)
        plain = HOST | {"Accept-Encoding": "identity"}
        answer = await cdn.get(f"{SETTINGS}?v=1", headers=plain)
        settings = json.loads(await answer.read())

    assert settings["integrations"]["Segment.io"] == {
        "apiKey": "WK1",
        "apiHost": f"{API_HOST}/v1",
        "x": 1,
    }
    assert settings["unknown"] == [1]
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_write_key_of_another_domain_is_unknown_here(tmp_path: Path) -> None:
    other = a_domain(
        a_source("WK2", alias="other/alias"),
        id="dom_2",
        cdn_host="evs.b.test",
        api_host="api.b.test",
    )
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain(), other)) as cdn:
        await until_known(cdn, "evs.b.test")
        for path in (
            "/analytics.js/v1/WK2/analytics.min.js",
            "/other/alias.min.js",
            "/v1/projects/WK2/settings",
            "/v1/projects/WK2/integrations",
        ):
            here = await cdn.get(f"http://cdn{path}", headers=HOST)
            there = await cdn.get(f"http://cdn{path}", headers={"Host": "evs.b.test"})

            assert (here.status, await here.read()) == (404, NOT_FOUND_TEXT), path
            assert there.status == 200, path


@pytest.mark.parametrize("host", ["unknown.test", API_HOST, "evs.cdp.shop.test.evil.test"])
async def test_any_other_host_is_unknown(tmp_path: Path, host: str) -> None:
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain())) as cdn:
        await until_known(cdn)
        answer = await cdn.get(SCRIPT, headers={"Host": host})

        assert answer.status == 404


async def test_it_reflects_nothing_and_sets_no_cookie(tmp_path: Path) -> None:
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain())) as cdn:
        await until_known(cdn)
        odd = HOST | {
            "Origin": "https://evil.test",
            "X-Forwarded-Host": "evil.test",
            "Cookie": "session=" + "s" * 30_000,
        }
        plain = await cdn.get(SCRIPT, headers=HOST)
        answer = await cdn.get(f"{SCRIPT}?x=evil.test", headers=odd)
        headers = {name: value for name, value in answer.headers.items() if name != "Date"}

        assert answer.status == 200
        assert headers == {n: v for n, v in plain.headers.items() if n != "Date"}
        assert await answer.read() == await plain.read()
        assert "Set-Cookie" not in headers


async def test_a_head_request_has_the_length_and_no_body(tmp_path: Path) -> None:
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain())) as cdn:
        await until_known(cdn)
        whole = await cdn.get(SCRIPT, headers=HOST)
        head = await cdn.head(SCRIPT, headers=HOST)

        assert head.headers["Content-Length"] == str(len(await whole.read()))
        assert head.headers["ETag"] == whole.headers["ETag"]
        assert await head.read() == b""


async def test_a_preflight_is_allowed_and_a_post_is_not(tmp_path: Path) -> None:
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain())) as cdn:
        await until_known(cdn)
        preflight = await cdn.options(SETTINGS, headers=HOST)
        post = await cdn.post(SCRIPT, headers=HOST, data=b"{}")

        assert preflight.status == 204
        assert preflight.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
        assert post.status == 405
        assert post.headers["Allow"] == "GET, HEAD, OPTIONS"


async def test_it_serves_what_it_knew_while_the_database_is_away(tmp_path: Path) -> None:
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain())) as cdn:
        await until_known(cdn)
        while not (tmp_path / "cdn.snapshot").exists():
            await until_known(cdn)
    nowhere = Store(f"sqlite:///{tmp_path / 'no-such-folder' / 'store.db'}")
    async with running_cdn(tmp_path, nowhere) as cdn:
        answer = await cdn.get(SCRIPT, headers=HOST)

        assert answer.status == 200


async def test_without_the_npm_package_only_scripts_are_unavailable(tmp_path: Path) -> None:
    store = a_store(tmp_path, a_domain())
    async with running_cdn(tmp_path, store, packages=tmp_path / "nowhere") as cdn:
        await until_known(cdn)
        script = await cdn.get(SCRIPT, headers=HOST)
        settings = await cdn.get(SETTINGS, headers=HOST)

        assert script.status == 503
        assert script.headers["Retry-After"] == "30"
        assert script.headers["Content-Type"].startswith("text/plain")
        assert settings.status == 200


async def test_a_request_that_cannot_be_read_is_refused_and_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain())) as cdn:
        await until_known(cdn)
        answer = await cdn.get(SCRIPT, headers=HOST | {"Cookie": "session=" + "s" * 100_000})

        assert answer.status == 400
        assert "session" not in caplog.text


async def test_a_bundle_that_vanished_from_disk_fails_alone(tmp_path: Path) -> None:
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain())) as cdn:
        await until_known(cdn)
        file = next((tmp_path / "cdn" / "bundles").iterdir())
        file.unlink()
        gone = await cdn.get(f"http://cdn/analytics-next/bundles/{file.name}", headers=HOST)
        script = await cdn.get(SCRIPT, headers=HOST)

        assert gone.status == 500
        assert str(tmp_path).encode() not in await gone.read()
        assert gone.headers["Cache-Control"] == "no-store"
        assert script.status == 200


async def test_a_version_that_is_refused_while_it_runs_is_told_and_the_one_before_served(
    tmp_path: Path,
) -> None:
    health = "http://cdn/_firstparty/health"
    async with running_cdn(tmp_path, a_store(tmp_path, a_domain())) as cdn:
        await until_known(cdn)
        before = json.loads(await (await cdn.get(health, headers=HOST)).read())
        note_refusal(tmp_path / "cdn", "99.0.0", "It cannot be patched.")
        async with asyncio.timeout(30):
            while json.loads(await (await cdn.get(health, headers=HOST)).read()) == before:
                await asyncio.sleep(0.1)
        after = json.loads(await (await cdn.get(health, headers=HOST)).read())
        script = await cdn.get(SCRIPT, headers=HOST)

    assert before["refused"] == []
    assert after["refused"] == ["99.0.0"]
    assert script.status == 200
