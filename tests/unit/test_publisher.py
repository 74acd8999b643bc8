"""Publishing to the log: what becomes of an append that nobody answers, and of those beside it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from firstparty.errors import Unavailable
from firstparty.spool.direct import Connection
from firstparty.spool.publisher import Publisher
from firstparty.spool.wire import Taker


class Server(Connection):
    """A server that answers what a test tells it to, and nothing else."""

    is_connected = True
    max_payload = 1024

    def __init__(self) -> None:
        super().__init__()
        self._transport: Any = self
        self.inboxes: list[bytes] = []

    async def subscribe_raw(self, subject: str, taker: Taker) -> None:
        del subject
        self._take = taker

    def writelines(self, pieces: list[bytes]) -> None:
        self.inboxes.append(pieces[0].split(b" ")[2])

    def write(self, data: bytes) -> None:
        """An announcement, which needs no answer."""

    def answer(self, number: int) -> None:
        self._take(self.inboxes[number], b"", b'{"stream": "log", "seq": %d}' % (number + 1))


async def a_publisher(server: Server, *, patience: timedelta) -> Publisher:
    publisher = Publisher("log", stored_subject="stored", timeout=patience)
    await publisher.start(server)
    return publisher


async def test_each_append_that_is_not_answered_in_its_own_time_is_unavailable() -> None:
    server = Server()
    publisher = await a_publisher(server, patience=timedelta(milliseconds=20))

    first, second = publisher.publish(b"a"), publisher.publish(b"b")
    await asyncio.wait([first, second])
    third = publisher.publish(b"c")
    await asyncio.wait([third])

    for late in (first, second, third):
        with pytest.raises(Unavailable, match="no answer in time"):
            await late
    assert publisher.unanswered == 3
    server.answer(2)  # too late: it tells that the server is there, and no more
    assert publisher.unanswered == 0


async def test_answers_out_of_turn_reach_those_that_they_are_for() -> None:
    server = Server()
    publisher = await a_publisher(server, patience=timedelta(minutes=1))
    appends = [publisher.publish(b"a") for _ in range(3)]

    for number in (2, 0):
        server.answer(number)
    publisher.fail_all()

    assert [await appends[0], await appends[2]] == [1, 3]
    with pytest.raises(Unavailable, match="connection broke"):
        await appends[1]
