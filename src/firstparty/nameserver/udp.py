"""Queries over UDP: everything that waits in the socket is answered in one go.

A socket bound to one address answers from it. One bound to all addresses must say for each answer
which it is from: with two addresses on a machine the kernel's choice may be the other one, and the
client then drops the answer.
"""

import asyncio
import ipaddress
import socket
import sys
from typing import Final

from firstparty.nameserver import batches
from firstparty.nameserver.responder import Responder

_MAX_QUERY_BYTES: Final = 4096
# So many queries before other tasks (TCP, the feed) get their turn.
_DRAINED_AT_ONCE: Final = 64
# ip(7); the socket module has no name for it in Python 3.11.
_IP_PKTINFO: Final = 26 if sys.platform == "darwin" else 8
_ANCILLARY_BYTES: Final = 64
_INTERFACE_BYTES: Final = 4  # at the start of struct in_pktinfo


class UdpListener:
    """Answers the queries that arrive at one bound socket, until closed.

    An answer that does not fit into the send buffer is dropped, as the network might have done.
    """

    def __init__(
        self, bound: socket.socket, responder: Responder, *, may_batch: bool = True
    ) -> None:
        self._socket = bound
        self._responder = responder
        self._loop = asyncio.get_running_loop()
        bound.setblocking(False)
        if _has_all_addresses(bound):
            _ask_for_destinations(bound)
        if may_batch and batches.is_available():
            self._batches = batches.Batches(bound)
            self._loop.add_reader(bound, self._drain_batch)
        else:
            self._loop.add_reader(bound, self._drain_each)

    def close(self) -> None:
        """Stop reading; the socket is its owner's and stays open."""
        self._loop.remove_reader(self._socket)

    def _drain_batch(self) -> None:
        self._responder.tick()
        responder = self._responder
        responder.unanswered += self._batches.drain(responder.answer_udp, responder.rcodes)

    def _drain_each(self) -> None:
        """Where the system has nothing better."""
        receive, send = self._socket.recvmsg, self._socket.sendmsg
        self._responder.tick()
        for _ in range(_DRAINED_AT_ONCE):
            try:
                query, ancillary, _, peer = receive(_MAX_QUERY_BYTES, _ANCILLARY_BYTES)
                answer = self._responder.answer_udp(query, pack_address(peer[0]))
                if answer is None:
                    self._responder.unanswered += 1
                else:
                    self._responder.rcodes[answer[3] & 15] += 1
                    send((answer,), [_from_there(*one) for one in ancillary], 0, peer)
            except OSError:  # nothing left (BlockingIOError), or an ICMP error of an earlier send
                return


def pack_address(text: str) -> bytes:
    """An address as the system writes it to its 4 or 16 octets."""
    return ipaddress.ip_address(text.partition("%")[0]).packed


def _has_all_addresses(bound: socket.socket) -> bool:
    return ipaddress.ip_address(bound.getsockname()[0]).is_unspecified


def _ask_for_destinations(bound: socket.socket) -> None:
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        bound.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _from_there(level: int, kind: int, data: bytes) -> tuple[int, int, bytes]:
    """What a query's destination says, as the source of its answer.

    IPv4: without the interface, since the way back may be another one.
    """
    if level == socket.IPPROTO_IP:
        data = bytes(_INTERFACE_BYTES) + data[_INTERFACE_BYTES:]
    return level, kind, data
