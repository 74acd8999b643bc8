"""What every kind of upstream promises, tried on all."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from firstparty.forward.delivery import Answer
from firstparty.forward.files import FileUpstream
from firstparty.forward.sending import Upstream
from firstparty.forward.upstream import HttpPoster, TrackingUpstream
from firstparty.forward.webhook import WebhookUpstream
from firstparty.model.feed import EdgeSource
from firstparty.model.upstreams import secret_context
from firstparty.store.sealing import Sealer
from tests.builders import NOW

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SEALER = Sealer(bytes(32))
KINDS = ["tracking", "webhook", "files:ndjson", "files:parquet"]


def a_source(upstream: str, *, old: str = "") -> EdgeSource:
    return EdgeSource(
        id="src_1",
        number=1,
        type="python",
        write_key="WK",
        alias="a/b",
        upstream=upstream,
        sealed_secret=sealed(SECRET),
        sealed_old_secret=sealed(old) if old else b"",
    )


def sealed(secret: str) -> bytes:
    return SEALER.seal(secret.encode(), context=secret_context("src_1"))


def need_parquet(kind: str) -> None:
    if kind == "files:parquet":
        pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")


class Place:
    """Where one kind of upstream delivers to, and what arrived there."""

    def __init__(
        self, upstream: Upstream, source: EdgeSource, read: Callable[[], list[dict[str, Any]]]
    ) -> None:
        self._upstream = upstream
        self._source = source
        self._read = read

    async def send(self, *texts: bytes) -> Answer:
        return await self._upstream.send(self._source, texts, sent_at=NOW)

    async def arrived(self) -> list[dict[str, Any]]:
        if isinstance(self._upstream, FileUpstream):
            await self._upstream.close()
        return self._read()


class Receiver:
    """An HTTP server that takes batches, and checks signatures."""

    def __init__(self, *secrets: str) -> None:
        self.secrets = secrets or (SECRET,)
        self.messages: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.refuses = 0  # a status
        self.clock_is_wrong_by = timedelta()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.text()
        date = format_datetime(datetime.now(UTC) + self.clock_is_wrong_by, usegmt=True)
        if self.refuses:
            return web.Response(status=self.refuses, headers={"date": date})
        if "webhook-signature" in request.headers:
            for secret in self.secrets:
                Webhook(secret).verify(body, dict(request.headers))
            self.ids.append(request.headers["webhook-id"])
        self.messages += json.loads(body)["batch"]
        return web.Response(headers={"date": date})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/{rest:.*}", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


def read_files(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for file in sorted(folder.iterdir()):
        if file.suffix == ".parquet":
            rows = pytest.importorskip("pyarrow.parquet").read_table(file).to_pylist()
            assert all(row["messageId"] == json.loads(row["message"])["messageId"] for row in rows)
            found += [json.loads(row["message"]) for row in rows]
        else:
            assert file.suffix == ".ndjson"
            found += [json.loads(line) for line in file.read_bytes().splitlines()]
    return found


@pytest.fixture(params=KINDS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    kind = request.param
    if kind.startswith("files:"):
        need_parquet(kind)
        yield Place(FileUpstream(tmp_path), a_source(kind), lambda: read_files(tmp_path / "src_1"))
        return
    receiver = Receiver()
    async with receiver.serving() as url, aiohttp.ClientSession() as session:
        poster = HttpPoster(session)
        if kind == "webhook":
            source = a_source(f"webhook+{url}/hooks/1?a=b")
            yield Place(WebhookUpstream(poster, SEALER), source, lambda: receiver.messages)
        else:
            yield Place(TrackingUpstream(poster), a_source(url), lambda: receiver.messages)


async def test_what_is_sent_arrives_in_order_and_whole(place: Place) -> None:
    pack = rb'{"messageId":"m1","n":{"x":1}},{"messageId":"m2","e":"\u00e4\n"}'
    first = await place.send(pack, b'{"messageId":"m3",\n"spaced": true}')
    second = await place.send(b'{"messageId":"m4","event":7}')

    assert (first.status, second.status) == (200, 200)
    assert await place.arrived() == [
        {"messageId": "m1", "n": {"x": 1}},
        {"messageId": "m2", "e": "\u00e4\n"},
        {"messageId": "m3", "spaced": True},
        {"messageId": "m4", "event": 7},
    ]


@pytest.mark.parametrize(("messages", "size"), [(4, 120_000), (400, 1_000)])
async def test_few_large_texts_arrive_as_many_small_ones_do(
    place: Place, messages: int, size: int
) -> None:
    sent = [{"messageId": f"m{number}", "x": "y" * size} for number in range(messages)]
    answer = await place.send(*(json.dumps(message).encode() for message in sent))

    assert answer.status == 200
    assert await place.arrived() == sent


async def test_a_webhook_request_has_the_same_id_at_every_try() -> None:
    receiver = Receiver()
    async with receiver.serving() as url, aiohttp.ClientSession() as session:
        upstream = WebhookUpstream(HttpPoster(session), SEALER)
        for text in (b'{"messageId":"m1"}', b'{"messageId":"m1"}', b'{"messageId":"m2"}'):
            await upstream.send(a_source(f"webhook+{url}/"), [text], sent_at=NOW)

    assert receiver.ids[0] == receiver.ids[1] != receiver.ids[2]


async def test_two_secrets_sign_while_one_takes_the_place_of_the_other() -> None:
    receiver = Receiver(SECRET, OLD_SECRET)
    async with receiver.serving() as url, aiohttp.ClientSession() as session:
        upstream = WebhookUpstream(HttpPoster(session), SEALER)
        both = await upstream.send(
            a_source(f"webhook+{url}/", old=OLD_SECRET), [b"{}"], sent_at=NOW
        )
        one = await upstream.send(a_source(f"webhook+{url}/"), [b"{}"], sent_at=NOW)

    assert both.status == 200
    assert one.status == 500  # the receiver, which checks with both, misses the old one's


@pytest.mark.parametrize("wrong", [timedelta(hours=3), timedelta(hours=-3)])
async def test_what_a_webhook_refuses_while_clocks_differ_is_no_message_s_fault(
    wrong: timedelta,
) -> None:
    receiver = Receiver()
    async with receiver.serving() as url, aiohttp.ClientSession() as session:
        upstream = WebhookUpstream(HttpPoster(session), SEALER)
        source = a_source(f"webhook+{url}/")
        receiver.refuses, receiver.clock_is_wrong_by = 400, wrong
        apart = await upstream.send(source, [b"{}"], sent_at=NOW)
        receiver.clock_is_wrong_by = timedelta()
        together = await upstream.send(source, [b"{}"], sent_at=NOW)
        receiver.refuses, receiver.clock_is_wrong_by = 0, wrong
        taken = await upstream.send(source, [b"{}"], sent_at=NOW)

    assert "our clock is" in apart.refusal
    assert together.status == 400
    assert taken.status == 200


async def test_what_a_webhook_cannot_sign_waits_with_the_reason() -> None:
    source = a_source("webhook+http://127.0.0.1:1/")
    async with aiohttp.ClientSession() as session:
        poster = HttpPoster(session)
        other_key = await WebhookUpstream(poster, Sealer(bytes(31) + b"1")).send(
            source, [b"{}"], sent_at=NOW
        )
        unsigned = msgspec.structs.replace(source, sealed_secret=b"")
        no_secret = await WebhookUpstream(poster, SEALER).send(unsigned, [b"{}"], sent_at=NOW)

    assert "cannot be opened" in other_key.refusal
    assert "no secret yet" in no_secret.refusal


async def test_nothing_that_goes_wrong_is_raised(tmp_path: Path) -> None:
    (tmp_path / "src_1").write_text("a file where the directory belongs")
    files = await FileUpstream(tmp_path).send(a_source("files:ndjson"), [b"{}"], sent_at=NOW)
    nowhere = await FileUpstream(None).send(a_source("files:ndjson"), [b"{}"], sent_at=NOW)
    async with aiohttp.ClientSession() as session:
        hook = WebhookUpstream(HttpPoster(session), SEALER)
        closed = await hook.send(a_source("webhook+http://127.0.0.1:1/"), [b"{}"], sent_at=NOW)
        guarded = TrackingUpstream(HttpPoster(session, trusted=()))
        private = await guarded.send(a_source("http://127.0.0.1:1"), [b"{}"], sent_at=NOW)

    assert files.error
    assert nowhere.refusal
    assert closed.error
    assert private.refusal


@pytest.mark.parametrize("kind", ["files:ndjson", "files:parquet"])
async def test_what_a_crash_left_is_ended_at_the_next_start_without_its_torn_line(
    tmp_path: Path, kind: str
) -> None:
    need_parquet(kind)
    killed = FileUpstream(tmp_path)
    await killed.send(a_source(kind), [b'{"messageId":"m1"}'], sent_at=NOW)
    (part,) = (tmp_path / "src_1").iterdir()
    part.write_bytes(part.read_bytes() + b'{"messageId":"to')
    started = FileUpstream(tmp_path)
    await started.send(a_source(kind), [b'{"messageId":"m2"}'], sent_at=NOW)
    await started.close()
    await killed.close()

    assert [message["messageId"] for message in read_files(tmp_path / "src_1")] == ["m1", "m2"]


async def test_files_end_when_they_are_large_or_old(tmp_path: Path) -> None:
    large = FileUpstream(tmp_path / "large", max_bytes=10)
    old = FileUpstream(tmp_path / "old", max_age=timedelta(0))
    for upstream in (large, old):
        for number in range(3):
            await upstream.send(
                a_source("files:ndjson"), [b'{"messageId":"m%d"}' % number], sent_at=NOW
            )
            await upstream.end_old()

    for name in ("large", "old"):
        files = list((tmp_path / name / "src_1").iterdir())
        assert len(files) == 3
        assert {file.suffix for file in files} == {".ndjson"}
