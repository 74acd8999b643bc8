"""Bad input to the ingest role as it runs: a clear answer, good neighbours kept, nothing told.

Secrets are planted wherever a client can put one; no log line at any level may have them.
"""

import asyncio
import contextlib
import gzip
import json
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstparty.forward.expand import Message, expand
from tests.ingest_rig import Answer, a_request, basic, parse_answers
from tests.ingest_role import ROOM, entries_of, running_role
from tests.nats_server import NatsServer

SECRET = "hunter2-secret"
ADDRESS = "203.0.113.77"
GOOD = {"type": "track", "event": "good", "userId": "u1"}
BATCH = json.dumps({"writeKey": "WKWEB", "batch": [GOOD], "secret": SECRET}).encode()
PLAIN = a_request(
    body=json.dumps({"writeKey": "WKWEB", "password": SECRET}).encode(),
    Authorization=basic(SECRET),
    Cookie=f"session={SECRET}",
    X_Real_IP=ADDRESS,
    User_Agent=SECRET,
)
ZIPPED = a_request(target="/v1/batch", body=gzip.compress(BATCH), Content_Encoding="gzip")
PIXEL = a_request("GET", f"/v1/pixel/track?writeKey=WKWEB&email={SECRET}", body=None)
HALF_SURROGATE = a_request(body=b'{"writeKey":"WKWEB","event":"\\ud83d hunter2-secret"}')
SEEDS = (PLAIN, ZIPPED, PIXEL, HALF_SURROGATE, a_request(target="/v1/batch", body=BATCH))


class Remembered(logging.Handler):
    """Every log record of this process, as its lines would have it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{record.getMessage()} {vars(record)}\n"


class Running:
    """The role in a thread of its own, for tests that are no coroutines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self.path = ""
        self.log_url = ""

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = NatsServer(self._folder, max_bytes=ROOM)
        await server.start()
        async with running_role(self._folder, server.url) as role:
            await role.until(a_request(), 200)
            self.path, self.log_url = str(role.path), server.url
            self._ready.set()
            await self._over.wait()
        await server.stop()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._over is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def ask(self, data: bytes) -> list[Answer]:
        """What is answered to these bytes, before the server ends the connection or is told to."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(self.path)
            with contextlib.suppress(ConnectionError):  # it may have had enough
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            answered = b""
            with contextlib.suppress(ConnectionError):
                while part := client.recv(65_536):
                    answered += part
        return parse_answers(answered)


@pytest.fixture(scope="module")
def told() -> Iterator[Remembered]:
    handler, root = Remembered(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, told: Remembered) -> Iterator[Running]:
    assert told.text == ""
    with Running(tmp_path_factory.mktemp("bad")) as running:
        yield running


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (a_request(target="/v1/b", body=gzip.compress(b" " * 100_000_000), Content_Encoding="gzip"),
         413, "batch_too_large"),
        (a_request(body=gzip.compress(BATCH)[:-9], Content_Encoding="gzip"), 400, "invalid_gzip"),
        (a_request(body=BATCH[:-1]), 400, "invalid_json"),
        (a_request(body=b'{"writeKey":"WKWEB","a":"\xc3\x28"}'), 400, "invalid_json"),
        (a_request(body=b"7"), 400, "not_an_object"),
        (a_request(body=b'{"a":' * 20_000), 413, "message_too_large"),
        (a_request(body=b'{"a":' * 5_000), 400, "invalid_json"),
        (a_request(target="/v1/batch", body=b'{"batch":"x"}'), 400, "no_batch"),
        (a_request(body=json.dumps({f"p{n}": n for n in range(10_000)}).encode()),
         413, "message_too_large"),
        (a_request(X_Giant="x" * 100_000), 431, "head_too_large"),
        (a_request(target="/v1/t?" + "x" * 100_000), 431, "head_too_large"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request"),
        (PLAIN.replace(b"Content-Length", b"Content-Length: 7\r\nContent-Length"),
         400, "bad_request"),
        (PLAIN.replace(b"Content-Length: ", b"Content-Length: -"), 400, "bad_request"),
        (PLAIN.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length"),
         400, "bad_request"),
    ],
)  # fmt: skip
def test_each_kind_of_bad_input_has_its_answer(
    running: Running, request_bytes: bytes, status: int, code: str
) -> None:
    (answer,) = running.ask(request_bytes)

    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["success"] is False


async def test_the_good_messages_of_a_batch_are_kept_whatever_is_beside_them(
    running: Running,
) -> None:
    many = {"type": "track", "properties": {f"p{n}": n for n in range(10_000)}}
    huge = {"type": "track", "properties": {"x": "x" * 40_000}}
    beside = [7, "text", None, [], many, huge, {"type": 9}]
    batch = {"writeKey": "WKWEB", "batch": [GOOD, *beside, GOOD | {"userId": "u2"}]}
    crowd = {"writeKey": "WKWEB", "batch": [GOOD] * 2_501}

    answers = [
        await asyncio.to_thread(
            running.ask, a_request(target="/v1/batch", body=json.dumps(body).encode())
        )
        for body in (batch, crowd)
    ]

    assert [[answer.status for answer in each] for each in answers] == [[200], [200]]
    first, second = (await entries_of(running.log_url))[-2:]
    lines = expand(first, sequence=1, index=0)
    good = [json.loads(line.raw) for line in lines if isinstance(line, Message)]
    assert [one.get("userId") for one in good] == ["u1", None, "u2"]
    assert len(lines) == len(batch["batch"])
    assert len(expand(second, sequence=1, index=0)) == 2_501


@settings(max_examples=150)
@given(st.sampled_from(SEEDS), st.data())
def test_a_request_that_is_damaged_anyhow_is_answered_and_harms_nobody(
    running: Running, seed: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        how = data.draw(st.sampled_from(("flip", "cut", "double", "insert")))
        if how == "flip":
            damaged[at] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "cut":
            del damaged[at : at + data.draw(st.integers(1, 30))]
        elif how == "double":
            damaged[at:at] = damaged[at : at + 30]
        else:
            damaged[at:at] = data.draw(st.binary(max_size=8))
        if not damaged:
            break

    answers = running.ask(bytes(damaged))

    assert all(answer.status < 500 for answer in answers)
    assert [answer.status for answer in running.ask(a_request())] == [200]


def test_nothing_was_logged_that_could_be_a_secret(running: Running, told: Remembered) -> None:
    running.ask(PLAIN)
    logging.getLogger("firstparty.ingest").info("heard")

    assert "heard" in told.text  # nothing that is logged is missed
    assert SECRET not in told.text
    assert ADDRESS not in told.text
    assert "WKWEB" not in told.text
