"""The client for places that a user named, before real TLS servers that behave and misbehave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.outbound.http import (
    MAX_BODY_BYTES,
    Failure,
    Request,
    Response,
    SafeClient,
    Unreached,
)
from tests.fakes.throwaway_ca import ThrowawayCa

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LONG = timedelta(seconds=30)


@pytest.fixture
def ca(tmp_path: Path) -> ThrowawayCa:
    return ThrowawayCa(tmp_path)


@asynccontextmanager
async def serve(ca: ThrowawayCa, answer: bytes, *, seen: list[bytes]) -> AsyncIterator[int]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=ca.context(ca.leaf()))
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def fetch(
    ca: ThrowawayCa, answer: bytes, *, seen: list[bytes] | None = None
) -> Response | Unreached:
    async with serve(ca, answer, seen=[] if seen is None else seen) as port:
        client = SafeClient(allow_private=True, ca_pem=ca.pem)
        request = Request(method="GET", host="localhost", port=port, target="/a?b=c")
        return await client.fetch(request, within=LONG)


async def test_an_answer_comes_with_every_header_line(ca: ThrowawayCa) -> None:
    seen: list[bytes] = []
    answer = await fetch(
        ca, b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nhi", seen=seen
    )

    assert isinstance(answer, Response)
    assert (answer.status, answer.all("x-a"), answer.body) == (200, ("1", "2"), b"hi")
    assert seen[0].startswith(b"GET /a?b=c HTTP/1.1\r\nHost: localhost:")


async def test_a_redirect_is_an_answer_and_not_followed(ca: ThrowawayCa) -> None:
    answer = await fetch(ca, b"HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

    assert isinstance(answer, Response)
    assert (answer.status, answer.get("location")) == (302, "/")


async def test_a_body_is_read_up_to_its_limit(ca: ThrowawayCa) -> None:
    answer = await fetch(ca, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_BODY_BYTES + 100_000))

    assert isinstance(answer, Response)
    assert len(answer.body) == MAX_BODY_BYTES


@pytest.mark.parametrize(
    "garbage",
    [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
     b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
)  # fmt: skip
async def test_what_is_not_http_is_a_broken_answer(ca: ThrowawayCa, garbage: bytes) -> None:
    answer = await fetch(ca, garbage)

    assert isinstance(answer, Unreached)
    assert answer.failure is Failure.BROKEN


async def test_without_time_left_there_is_no_answer(ca: ThrowawayCa) -> None:
    async with serve(ca, b"HTTP/1.1 200 OK\r\n", seen=[]) as port:
        request = Request(method="POST", host="localhost", port=port, target="/")
        answer = await SafeClient(allow_private=True).fetch(request, within=timedelta(0))

    assert isinstance(answer, Unreached)
    assert answer.failure is Failure.TIMEOUT


async def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    async def resolve(_host: str) -> tuple[str, ...]:
        return ("192.0.2.1", "127.0.0.1")

    client = SafeClient(allow_private=False, resolve=resolve)
    request = Request(method="GET", host="cdn.shop.test", port=443, target="/")
    answer = await client.fetch(request, within=LONG)

    assert isinstance(answer, Unreached)
    assert answer.failure is Failure.NOT_PUBLIC


async def test_a_host_is_resolved_once_and_its_checked_address_contacted(ca: ThrowawayCa) -> None:
    asked: list[str] = []

    async def resolve(host: str) -> tuple[str, ...]:
        asked.append(host)
        return ("127.0.0.1",) if len(asked) == 1 else ("127.0.0.2",)

    seen: list[bytes] = []
    async with serve(ca, b"HTTP/1.1 204 No\r\n\r\n", seen=seen) as port:
        client = SafeClient(allow_private=True, ca_pem=ca.pem, resolve=resolve)
        request = Request(method="GET", host="localhost", port=port, target="/")
        answers = [await client.fetch(request, within=LONG) for _ in range(2)]

    assert asked == ["localhost"]
    assert len(seen) == len([one for one in answers if isinstance(one, Response)]) == 2


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "169.254.169.254"])
async def test_a_private_address_itself_is_refused(address: str) -> None:
    client = SafeClient(allow_private=False)
    request = Request(method="GET", host=address, port=443, target="/")
    answer = await client.fetch(request, within=LONG)

    assert isinstance(answer, Unreached)
    assert answer.failure is Failure.NOT_PUBLIC
