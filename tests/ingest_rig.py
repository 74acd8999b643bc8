"""The tracking API without a socket: a connection, a transport that remembers, a log in memory."""

import asyncio
import base64
import json
from typing import Any, cast

import msgspec

from firstparty.ingest.exchange import Connections
from firstparty.ingest.http import Connection
from firstparty.ingest.rates import Rates
from firstparty.ingest.tracking import TrackingApi
from firstparty.ingest.write_keys import WriteKeys
from firstparty.model.feed import EdgeDomain, EdgeSource, FeedEntry, Topic
from tests.fakes.appender import MemoryAppender

HOST = "api.cdp.example.test"
KEYS = {"WKPYTHON": 1, "WKNODE": 2, "WKNODE6": 3, "WKPHP": 4, "WKRUBY": 5, "WKWEB": 6}


def an_edge_domain(
    api_host: str = HOST,
    keys: dict[str, int] | None = None,
    identifier: str = "dom_1",
    **parts: Any,
) -> EdgeDomain:
    sources = tuple(
        EdgeSource(
            id=f"src_{number}",
            number=number,
            type="javascript",
            write_key=key,
            alias="a/b",
            upstream="http://127.0.0.1:9",
            **parts,
        )
        for key, number in (KEYS if keys is None else keys).items()
    )
    return EdgeDomain(
        id=identifier,
        workspace="wsp_1",
        name="cdp.example.test",
        cdn_host="evs.cdp.example.test",
        api_host=api_host,
        sources=sources,
    )


def a_feed_entry(domain: EdgeDomain, revision: int = 1) -> FeedEntry:
    body = msgspec.json.encode(domain)
    return FeedEntry(revision=revision, topic=Topic.EDGE, key=domain.id, body=body)


def basic(key: str, colon: str = ":") -> str:
    return "Basic " + base64.b64encode((key + colon).encode()).decode()


def a_request(
    method: str = "POST",
    target: str = "/v1/t",
    *,
    body: bytes | None = b'{"writeKey":"WKWEB"}',
    host: str = HOST,
    **headers: str,
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Answer:
    """One answer, taken apart."""

    def __init__(self, head: bytes, body: bytes) -> None:
        status, *lines = head.decode("latin-1").split("\r\n")
        self.version, code, self.reason = status.split(" ", 2)
        self.status = int(code)
        self.names = [line.partition(":")[0] for line in lines]
        self.headers = {n: v.strip() for n, _, v in (line.partition(":") for line in lines)}
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def parse_answers(data: bytes) -> list[Answer]:
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        answer = Answer(head, b"")
        length = int(answer.headers.get("content-length", "0"))
        answer.body, data = data[:length], data[length:]
        answers.append(answer)
    return answers


class MemoryTransport(asyncio.Transport):
    """Remembers what was written and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = self.has_written_eof = self.is_aborted = self.is_reading_paused = False

    def write(self, data: Any) -> None:
        assert not self.is_closed
        self.written += bytes(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_written_eof = True

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False


class Client:
    """One connection to a rig."""

    def __init__(self, connections: Connections) -> None:
        self.transport = MemoryTransport()
        self.connection = Connection(connections)
        self.connection.connection_made(self.transport)

    def send(self, *parts: bytes) -> None:
        for part in parts:
            rest = part
            while rest and not self.transport.is_closed:
                room = self.connection.get_buffer(-1)
                arrived, rest = rest[: len(room)], rest[len(room) :]
                room[: len(arrived)] = arrived
                self.connection.buffer_updated(len(arrived))

    @property
    def answers(self) -> list[Answer]:
        return parse_answers(self.transport.written)


class Rig:
    """The tracking API with one domain; use it inside a running loop."""

    def __init__(self, rates: Rates | None = None, **parts: Any) -> None:
        """``parts`` are those of its sources."""
        self.appender = MemoryAppender()
        self.write_keys = WriteKeys()
        self.write_keys.apply([a_feed_entry(an_edge_domain(**parts))])
        self.tracking = TrackingApi(self.write_keys, rates or Rates())
        self.committer = self.tracking.committer
        self.committer.use(self.appender)
        self.connections = Connections(self.tracking)

    def connect(self) -> Client:
        return Client(self.connections)

    async def settle(self) -> None:
        """Let the loop do what is due."""
        for _ in range(6):
            await asyncio.sleep(0)

    async def ask(self, *requests: bytes) -> list[Answer]:
        client = self.connect()
        client.send(*requests)
        await self.settle()
        return client.answers

    async def ask_once(self, request: bytes) -> Answer:
        (answer,) = await self.ask(request)
        return cast("Answer", answer)
