"""The demo's upstream, over HTTP."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from firstparty.demo.upstream import serve_upstream
from tests.ports import listener


@dataclass
class Running:
    url: str
    file: Path
    http: aiohttp.ClientSession

    async def control(self, **fault: Any) -> int:
        async with self.http.post(f"{self.url}/_control", json=fault) as answer:
            return answer.status

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]


@pytest.fixture
async def upstream(tmp_path: Path) -> AsyncIterator[Running]:
    tcp = listener()
    file = tmp_path / "outside" / "received.ndjson"
    task = asyncio.create_task(serve_upstream(listener=tcp, received=file))
    host, port = tcp.getsockname()
    async with aiohttp.ClientSession() as http:
        yield Running(f"http://{host}:{port}", file, http)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_batch_leaves_a_line_for_each_message_before_it_is_answered(
    upstream: Running,
) -> None:
    body = {"batch": [{"messageId": "m1"}, {"messageId": "m2"}], "writeKey": "WK"}
    async with upstream.http.post(f"{upstream.url}/v1/batch", json=body) as answer:
        lines = upstream.lines()
        said = await answer.json()

    assert said == {"success": True}
    assert [line["message"] for line in lines] == body["batch"]
    assert set(lines[0]) == {"received_at", "path", "write_key", "headers", "message"}
    assert (lines[0]["path"], lines[0]["write_key"]) == ("/v1/batch", "WK")
    assert lines[0]["headers"]["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v1/t", "track"), ("/v1/p", "page"), ("/v1/identify", "identify"), ("/v1/s/", "screen")],
)
async def test_a_single_message_gets_its_type_from_the_path(
    upstream: Running, path: str, kind: str
) -> None:
    data = json.dumps({"messageId": "m1"})
    headers = {"Authorization": aiohttp.encode_basic_auth("WK", "")}
    async with upstream.http.post(upstream.url + path, data=data, headers=headers) as answer:
        assert answer.status == 200

    (line,) = upstream.lines()
    assert line["message"] == {"messageId": "m1", "type": kind}
    assert line["write_key"] == "WK"


async def test_gzip_is_understood(upstream: Running) -> None:
    async with upstream.http.post(
        f"{upstream.url}/v1/import/",
        data=gzip.compress(b'{"batch": [{"messageId": "m1"}]}'),
        headers={"Content-Encoding": "gzip"},
    ) as answer:
        assert answer.status == 200

    assert upstream.lines()[0]["message"] == {"messageId": "m1"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/batch", b"{", 400),
        ("/v1/batch", b"[]", 400),
        ("/v1/batch", b'{"batch": 1}', 400),
        ("/v1/nonsense", b"{}", 404),
    ],
)
async def test_bad_input_is_refused_and_not_written(
    upstream: Running, path: str, body: bytes, status: int
) -> None:
    async with upstream.http.post(upstream.url + path, data=body) as answer:
        said = await answer.json()

    assert answer.status == status
    assert said["success"] is False
    assert upstream.lines() == []


@pytest.mark.parametrize(("mode", "status"), [("429", 429), ("500", 500)])
async def test_it_refuses_on_request_until_told_otherwise(
    upstream: Running, mode: str, status: int
) -> None:
    assert await upstream.control(mode=mode) == 200
    async with upstream.http.post(f"{upstream.url}/v1/t", data=b"{}") as answer:
        assert answer.status == status
        assert ("Retry-After" in answer.headers) is (mode == "429")
    assert await upstream.control(mode="ok") == 200
    async with upstream.http.post(f"{upstream.url}/v1/t", data=b"{}") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("mode", ["down", "reset"])
async def test_it_hangs_up_on_request_and_can_still_be_told_otherwise(
    upstream: Running, mode: str
) -> None:
    assert await upstream.control(mode=mode) == 200
    with pytest.raises(aiohttp.ClientError):
        await upstream.http.post(f"{upstream.url}/v1/t", data=b"{}")
    assert upstream.lines() == []
    async with upstream.http.get(f"{upstream.url}/_control") as answer:
        assert (await answer.json())["mode"] == mode


async def test_all_is_well_again_after_the_seconds(upstream: Running) -> None:
    await upstream.control(mode="500", seconds=0.05)
    async with asyncio.timeout(30):
        while True:
            async with upstream.http.post(f"{upstream.url}/v1/t", data=b"{}") as answer:
                if answer.status == 200:
                    break

    async with upstream.http.get(f"{upstream.url}/_control") as answer:
        assert (await answer.json())["mode"] == "ok"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON"),
        (b'"ok"', "object"),
        (b"{}", "mode"),
        (b'{"mode": "bad"}', "'bad'"),
        (b'{"mode": "ok", "seconds": "5"}', "seconds"),
        (b'{"mode": "ok", "seconds": -1}', "seconds"),
        (b'{"mode": "ok", "second": 5}', "second"),
    ],
)
async def test_a_bad_wish_is_refused_and_says_why(
    upstream: Running, body: bytes, named: str
) -> None:
    async with upstream.http.post(f"{upstream.url}/_control", data=body) as answer:
        assert answer.status == 400
        assert named in (await answer.json())["message"]


async def test_what_was_received_can_be_read_on_by_a_local_page(upstream: Running) -> None:
    for key in ("A", "B", "A"):
        body = {"batch": [{"messageId": key}], "writeKey": key}
        async with upstream.http.post(f"{upstream.url}/v1/batch", json=body):
            pass
    url = f"{upstream.url}/received?write_key=A&after=1"
    async with upstream.http.get(url, headers={"Origin": "http://localhost:5000"}) as answer:
        said = await answer.json()

    assert [line["message"]["messageId"] for line in said["messages"]] == ["A"]
    assert said["next"] == 3
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:5000"
    async with upstream.http.get(url, headers={"Origin": "https://evil.example"}) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with upstream.http.get(f"{upstream.url}/received?after=x") as answer:
        assert answer.status == 400


async def test_the_cdn_role_answers_settings_and_a_script(upstream: Running) -> None:
    async with upstream.http.get(f"{upstream.url}/v1/projects/WK/settings") as answer:
        assert (await answer.json())["integrations"]["Segment.io"]["apiKey"] == "WK"
    async with upstream.http.get(f"{upstream.url}/analytics.js/v1/WK/analytics.min.js") as answer:
        assert answer.content_type == "text/javascript"
        assert '"WK"' in await answer.text()


async def test_a_torn_line_of_a_crash_is_cut_off_at_the_next_start(tmp_path: Path) -> None:
    file = tmp_path / "received.ndjson"
    file.write_bytes(b'{"message": {}}\n{"mess')
    task = asyncio.create_task(serve_upstream(listener=listener(), received=file))
    async with asyncio.timeout(30):
        while file.stat().st_size > 16:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert file.read_bytes() == b'{"message": {}}\n'
