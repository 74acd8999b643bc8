"""What every Appender keeps: one suite on the fake and on the real log."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firstparty.errors import Unavailable
from firstparty.ingest.accept import Appender
from firstparty.spool.log import DurableLog, open_log
from tests.fakes.appender import MemoryAppender
from tests.nats_server import NatsServer

ROOM = 64 * 1024**2


class Subject:
    """An appender, a way to read back what it stored, and to break it."""

    def __init__(self, appender: MemoryAppender | DurableLog, server: NatsServer | None) -> None:
        self.appender: Appender = appender
        self._raw = appender
        self._server = server

    async def stored(self) -> list[bytes]:
        if isinstance(self._raw, MemoryAppender):
            return self._raw.groups
        return [group.data for group in await self._raw.read(after=0)]

    async def go_down(self) -> None:
        if isinstance(self._raw, MemoryAppender):
            self._raw.is_down = True
        if self._server is not None:
            await self._server.kill()


@pytest.fixture(params=["memory", "jetstream"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    if request.param == "memory":
        yield Subject(MemoryAppender(), None)
        return
    server = NatsServer(tmp_path, max_bytes=ROOM)
    await server.start()
    log = await open_log(server.url, max_bytes=ROOM)
    yield Subject(log, server)
    await log.close()
    await server.stop()


async def test_a_stored_group_has_a_sequence_above_the_one_before(subject: Subject) -> None:
    first = await subject.appender.append(b"one")
    second = await subject.appender.append(b"two")

    assert second > first
    assert await subject.stored() == [b"one", b"two"]


async def test_a_group_of_the_largest_size_fits(subject: Subject) -> None:
    group = b"x" * subject.appender.max_group_bytes

    await subject.appender.append(group)

    assert await subject.stored() == [group]


async def test_appending_does_not_raise_but_its_future_does(subject: Subject) -> None:
    await subject.go_down()

    future = subject.appender.append(b"lost")

    with pytest.raises(Unavailable) as raised:
        await future
    assert raised.value.retry_after.total_seconds() >= 1
