"""DNS over TCP itself: who is read from, and for how long."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import dns.message
import pytest

from firstparty.config.addresses import Address
from firstparty.nameserver.tcp import TcpListener
from tests.nameserver_rig import a_responder, has_answer


def a_query(name: str = "fp.test") -> bytes:
    wire = dns.message.make_query(name, "SOA").to_wire()
    return len(wire).to_bytes(2, "big") + wire


async def read_answer(reader: asyncio.StreamReader) -> dns.message.Message:
    length = int.from_bytes(await reader.readexactly(2), "big")
    return dns.message.from_wire(await reader.readexactly(length))


@contextlib.asynccontextmanager
async def tcp_listener(**limits: float) -> AsyncIterator[Address]:
    listener = TcpListener(a_responder(), **limits)  # type: ignore[arg-type]
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        await listener.listen(bound)
        try:
            yield Address(*bound.getsockname())
        finally:
            await listener.close()


async def test_queries_in_one_go_and_in_pieces_are_all_answered() -> None:
    async with tcp_listener() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(a_query() * 3 + a_query()[:5])
        answers = [await read_answer(reader) for _ in range(3)]
        writer.write(a_query()[5:])
        answers.append(await read_answer(reader))
        writer.close()

    assert all(map(has_answer, answers))


async def test_an_idle_connection_is_ended_however_it_dribbles() -> None:
    async with tcp_listener(idle_seconds=0.3) as address:
        reader, writer = await asyncio.open_connection(*address)

        async def dribble() -> None:
            for octet in a_query():
                writer.write(bytes([octet]))
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(2)
        dribbling.cancel()
        writer.close()


async def test_the_connection_idle_longest_makes_room() -> None:
    async with tcp_listener(max_connections=2) as address:
        connections = [await asyncio.open_connection(*address) for _ in range(2)]
        for reader, writer in reversed(connections):  # so the second is the older one
            writer.write(a_query())
            await read_answer(reader)
        newest = await asyncio.open_connection(*address)
        newest[1].write(a_query())
        answer = await read_answer(newest[0])
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await connections[1][0].readexactly(1)
        connections[0][1].write(a_query())
        still = await read_answer(connections[0][0])
        for _, writer in (*connections, newest):
            writer.close()

    assert has_answer(answer)
    assert has_answer(still)


async def test_a_client_that_does_not_read_is_not_read_from_for_ever() -> None:
    async with tcp_listener(idle_seconds=1) as address:
        reader, writer = await asyncio.open_connection(*address, limit=1024)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        flood = a_query() * 1_000
        sent = 0
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(30):
                while sent < 100_000_000:
                    writer.write(flood)
                    await writer.drain()
                    sent += len(flood)
        writer.close()

    assert sent < 100_000_000
