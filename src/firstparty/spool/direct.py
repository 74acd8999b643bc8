"""Reading many messages of a stream: JetStream's batched direct get (ADR-31), the quick way.

The bytes of an answer go from the connection's buffer to the read that waits for them (wire.py).
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.transport import TcpTransport

from firstparty.spool.wire import Taker, WiredTransport

_CALL_SECONDS: Final = 5.0
_PLAIN_STATUS: Final = b"NATS/1.0\r\n"
_SEQUENCE: Final = re.compile(rb"\r\nNats-Sequence: (\d+)\r\n")
_ENDS: Final = (b"204", b"404")  # the end of the batch; nothing there


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGroup:
    """A message as it lies in a stream."""

    sequence: int
    data: bytes


class Connection(Client):
    """A nats-py connection some of whose subscriptions take messages as they are on the wire."""

    def __init__(self) -> None:
        super().__init__()
        self._takers: dict[int, Taker] = {}

    async def subscribe_raw(self, subject: str, taker: Taker) -> None:
        """Hand what comes on ``subject`` to ``taker``, also after a reconnection."""
        subscription = await self.subscribe(subject)
        self._takers[subscription._id] = taker  # noqa: SLF001 - nats-py gives it no name

    async def _read_loop(self) -> None:
        transport = self._transport
        if isinstance(transport, WiredTransport):  # connected again
            transport.attach()
        elif isinstance(transport, TcpTransport):  # not a web socket
            self._transport = WiredTransport(transport, self._takers)
        await super()._read_loop()

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        taker = self._takers.get(sid)
        if taker is None:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:  # over a web socket, or before its taker was known
            taker(subject, headers or b"", data)


class _Read:
    """One batched get under way."""

    def __init__(self) -> None:
        self.found: list[StoredGroup] = []
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class DirectReads:
    """Batched direct gets over one connection."""

    def __init__(self) -> None:
        self._reads: dict[bytes, _Read] = {}
        self._count = 0
        self._inbox = ""
        self._connection: Connection | None = None

    async def start(self, connection: Connection) -> None:
        """Read over this connection. Raises what nats-py raises."""
        self._inbox = connection.new_inbox() + "."
        await connection.subscribe_raw(self._inbox + "*", self._take)
        self._connection = connection

    async def read(self, stream: str, request: Mapping[str, int | str]) -> list[StoredGroup]:
        """What the server answers to ``request``, in order. Raises nats.errors.Error, TimeoutError.

        An answer that does not end in time, or a connection that breaks, raises: nothing is ever
        taken for the end that is not.
        """
        assert self._connection is not None
        self._count += 1
        subject = f"{self._inbox}{self._count}"
        read = self._reads[subject.encode()] = _Read()
        try:
            await self._connection.publish(
                f"$JS.API.DIRECT.GET.{stream}", json.dumps(dict(request)).encode(), reply=subject
            )
            async with asyncio.timeout(_CALL_SECONDS):
                await read.finished
            return read.found
        finally:
            del self._reads[subject.encode()]

    def fail_all(self) -> None:
        """The connection broke: what was under way will not be answered."""
        for read in self._reads.values():
            if not read.finished.done():
                read.finished.set_exception(nats.errors.ConnectionClosedError())

    def _take(self, subject: bytes, headers: bytes, data: bytes) -> None:
        read = self._reads.get(subject)
        if read is None or read.finished.done():
            return  # given up
        sequence = _SEQUENCE.search(headers)
        if headers.startswith(_PLAIN_STATUS) and sequence is not None:
            read.found.append(StoredGroup(sequence=int(sequence[1]), data=data))
        elif headers[9:12] in _ENDS:
            read.finished.set_result(None)
        else:
            status = headers.partition(b"\r\n")[0].decode("ascii", "replace")
            read.finished.set_exception(nats.errors.Error(f"direct get: {status}"))
