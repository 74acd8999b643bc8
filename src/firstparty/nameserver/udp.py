"""Queries over UDP: everything that waits in the socket is answered in one go."""

import asyncio
import contextlib
import socket
from typing import Final

from firstparty.nameserver.answers import Answers
from firstparty.nameserver.lookup import look_up

_MAX_QUERY_BYTES: Final = 4096
# So many queries before other tasks (TCP, the feed) get their turn.
_DRAINED_AT_ONCE: Final = 64


class UdpListener:
    """Answers the queries that arrive at one bound socket, until closed.

    An answer that does not fit into the send buffer is dropped, as the network might have done.
    """

    def __init__(self, bound: socket.socket, answers: Answers) -> None:
        self._socket = bound
        self._answers = answers
        self._loop = asyncio.get_running_loop()
        bound.setblocking(False)
        self._loop.add_reader(bound, self._drain)

    def close(self) -> None:
        """Stop reading; the socket is its owner's and stays open."""
        self._loop.remove_reader(self._socket)

    def _drain(self) -> None:
        receive, send, answers = self._socket.recvfrom, self._socket.sendto, self._answers
        for _ in range(_DRAINED_AT_ONCE):
            try:
                query, peer = receive(_MAX_QUERY_BYTES)
            except OSError:  # nothing left (BlockingIOError), or an ICMP error of an earlier send
                return
            answer = look_up(answers, query, is_udp=True)
            if answer is not None:
                with contextlib.suppress(OSError):
                    send(answer, peer)
