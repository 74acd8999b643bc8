"""Outcome records while the log server is away."""

from pathlib import Path

import pytest

from firstparty.errors import Unavailable
from firstparty.spool.log import open_log
from firstparty.spool.outcomes import Copy, Shelf, open_outcomes
from tests.nats_server import NatsServer

ROOM = 64 * 1024**2
COPY = Copy(shelf=Shelf.DEAD, source=1, data=b"letter")


@pytest.mark.parametrize("copies", [(), (COPY,)])
async def test_a_record_that_cannot_be_stored_is_refused_and_the_next_one_goes_on(
    tmp_path: Path, copies: tuple[Copy, ...]
) -> None:
    server = NatsServer(tmp_path, max_bytes=ROOM)
    await server.start()
    log = await open_log(server.url, max_bytes=ROOM)
    outcomes = await open_outcomes(log, max_bytes=ROOM)
    first = await outcomes.commit(b"one", expected=0)
    await server.kill()
    with pytest.raises(Unavailable):
        await outcomes.commit(b"lost", expected=first, copies=copies)
    await log.close()
    await server.start()
    log = await open_log(server.url, max_bytes=ROOM)
    outcomes = await open_outcomes(log, max_bytes=ROOM)
    second = await outcomes.commit(b"two", expected=first, copies=copies)

    assert second == first + len(copies) + 1
    assert [one.data for one in await outcomes.read(after=0)] == [b"one", b"two"]
    await log.close()
    await server.stop()
