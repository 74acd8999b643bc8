"""A flush of the outcome records fails: nothing counts that is not on disk, and delivery goes on.

nats-server's log of messages is well meanwhile, so nobody but the forwarder can notice.
"""

from pathlib import Path

import pytest

from firstparty.spool.beside import OwnServer
from tests.forward_rig import a_forwarding, an_upstream, running
from tests.forwarding import first_sightings
from tests.ingest_role import eventually
from tests.strace import every_call

pytestmark = [
    pytest.mark.needs("strace"),
    pytest.mark.optional_toolchain,  # a container may not trace
]


async def test_a_failed_flush_of_a_record_is_never_counted_and_a_new_server_mends_it(
    tmp_path: Path,
) -> None:
    own_server = OwnServer(
        directory=tmp_path, min_free_bytes=0, restart_request=tmp_path / "restart-nats"
    )
    async with (
        an_upstream(tmp_path / "received.ndjson") as upstream,
        a_forwarding(tmp_path) as forwarding,
    ):
        forwarding.publish(1, upstream.url)
        async with running(forwarding, own_server=own_server):
            await forwarding.append((1, 5))
            await forwarding.settled(1)
            (records,) = (tmp_path / "nats").rglob("outcomes/msgs/*.blk")
            assert forwarding.nats.process is not None
            async with every_call("fsync", "error=EIO", of=forwarding.nats.process.pid, on=records):
                await forwarding.append((1, 5))
                await eventually(lambda: len(upstream.ids()) == 10)
            await forwarding.append((1, 5))  # the log takes it: only the records are stuck
            broken = await forwarding.ledger()
            await eventually(own_server.restart_request.exists)
            own_server.restart_request.unlink()
            await eventually(own_server.restart_request.exists)  # it says so until it is done
            sent = len(upstream.ids())
            await forwarding.nats.stop()  # as the supervisor does then
            await forwarding.nats.start()
            mended = await forwarding.settled(1)

    assert broken.account(1).delivered == 5
    assert sent == 10  # nothing is sent again and again meanwhile
    account = mended.account(1)
    assert (account.accepted, account.delivered, account.waiting) == (15, 15, 0)
    assert first_sightings(upstream.ids()) == forwarding.appended[1]
    assert len(upstream.ids()) <= 20  # what had no record comes twice
