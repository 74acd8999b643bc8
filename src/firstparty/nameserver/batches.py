"""Many datagrams received with one system call, and answered with another (Linux: recvmmsg(2)).

Python's own socket calls handle one datagram each, and make objects of its address twice. Here the
kernel writes addresses into a buffer and reads them from there again: where a query came from, and
which address of ours it was sent to, goes back as it came.
"""

import ctypes
import socket
import struct
from collections.abc import Callable
from typing import Final

Respond = Callable[[bytes, bytes], bytes | None]

AT_ONCE: Final = 64
_QUERY_OCTETS: Final = 4096
_ANSWER_OCTETS: Final = 2048  # more than any answer over UDP
_NAME_OCTETS: Final = 28  # of struct sockaddr_in6, the larger one
_CONTROL_OCTETS: Final = 64
_MSG_DONTWAIT: Final = 0x40
_IPV4_INTERFACE: Final = slice(16, 20)  # ipi_ifindex, behind struct cmsghdr
_EMPTY: Final = bytes(4)


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Mmsghdr(ctypes.Structure):
    """struct mmsghdr of recvmmsg(2), with its struct msghdr laid flat."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iov_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("length", ctypes.c_uint32),
    )


_ARGUMENTS: Final = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
_WORDS: Final = ctypes.sizeof(_Mmsghdr) // 4
_LONGS: Final = ctypes.sizeof(_Mmsghdr) // 8
_NAME: Final = _Mmsghdr.name.offset // 8
_NAME_LENGTH: Final = _Mmsghdr.name_length.offset // 4
_CONTROL: Final = _Mmsghdr.control.offset // 8
_CONTROL_LENGTH: Final = _Mmsghdr.control_length.offset // 8
_LENGTH: Final = _Mmsghdr.length.offset // 4


def is_available() -> bool:
    """Whether this system has both calls, and structures of the layout above."""
    libc = ctypes.CDLL(None)
    return (
        hasattr(libc, "recvmmsg") and hasattr(libc, "sendmmsg") and struct.calcsize("P") == 8  # noqa: PLR2004 -- 64 bits
    )


class Batches:
    """Answers what waits in one bound datagram socket, up to AT_ONCE at a time."""

    def __init__(self, bound: socket.socket) -> None:
        libc = ctypes.CDLL(None)  # a loading of its own: the argument types are ours alone
        self._receive, self._send = libc.recvmmsg, libc.sendmmsg
        self._receive.argtypes = (*_ARGUMENTS, ctypes.c_void_p)
        self._send.argtypes = _ARGUMENTS
        self._descriptor = bound.fileno()
        self._is_ipv4 = bound.family == socket.AF_INET
        first, octets = (4, 4) if self._is_ipv4 else (8, 16)  # of the address in a sockaddr
        self._names = _Buffer(_NAME_OCTETS)
        self._controls = _Buffer(_CONTROL_OCTETS)
        self._queries = _Buffer(_QUERY_OCTETS)
        self._answers = _Buffer(_ANSWER_OCTETS)
        self._addresses = [one[first : first + octets] for one in self._names.slots]
        self._in, self._out = _Headers(self._queries), _Headers(self._answers)
        for slot in range(AT_ONCE):
            self._in.point(slot, self._names.addresses[slot], self._controls.addresses[slot])
        self._name_length = 16 if self._is_ipv4 else 28
        self._reset(AT_ONCE)

    def drain(self, respond: Respond, rcodes: list[int]) -> int:
        """Answer what is there; how many got none. ``rcodes`` counts the others by their code.

        ``respond`` gets a query and its client's address, packed.

        An answer that the kernel does not take is dropped, as the network might have done.
        """
        count = self._receive(self._descriptor, self._in.pointer, AT_ONCE, _MSG_DONTWAIT, None)
        if count <= 0:  # nothing there, or an ICMP error of an earlier answer
            return 0
        lengths, queries, addresses = self._in.words, self._queries.slots, self._addresses
        answers, sizes = self._answers.slots, self._out.sizes
        made = 0
        for slot in range(count):
            query = queries[slot][: lengths[slot * _WORDS + _LENGTH]].tobytes()
            answer = respond(query, addresses[slot].tobytes())
            if answer is None:
                continue
            size = len(answer)
            rcodes[answer[3] & 15] += 1
            answers[made][:size] = answer
            sizes[2 * made + 1] = size
            self._send_back(made, slot)
            made += 1
        sent = 0
        while sent < made:
            start = self._out.pointer + sent * ctypes.sizeof(_Mmsghdr)
            done = self._send(self._descriptor, ctypes.c_void_p(start), made - sent, _MSG_DONTWAIT)
            sent += max(done, 1)
        self._reset(count)
        return int(count) - made

    def _send_back(self, made: int, slot: int) -> None:
        """The answer goes where the query came from, from where it went to."""
        longs, control_length = self._out.longs, self._in.longs[slot * _LONGS + _CONTROL_LENGTH]
        at = made * _LONGS
        longs[at + _NAME] = self._names.addresses[slot]
        self._out.words[made * _WORDS + _NAME_LENGTH] = self._name_length
        longs[at + _CONTROL_LENGTH] = control_length
        if control_length:
            longs[at + _CONTROL] = self._controls.addresses[slot]
            if self._is_ipv4:  # without the interface, since the way back may be another one
                self._controls.slots[slot][_IPV4_INTERFACE] = _EMPTY

    def _reset(self, count: int) -> None:
        """The kernel has written what it used of names and control data: give it all again."""
        words, longs = self._in.words, self._in.longs
        for slot in range(count):
            words[slot * _WORDS + _NAME_LENGTH] = _NAME_OCTETS
            longs[slot * _LONGS + _CONTROL_LENGTH] = _CONTROL_OCTETS


class _Buffer:
    """Memory in slots of one size, each with its address."""

    def __init__(self, octets: int) -> None:
        self._memory = (ctypes.c_char * (octets * AT_ONCE))()
        base = ctypes.addressof(self._memory)
        whole = memoryview(self._memory).cast("B")
        self.addresses = [base + octets * slot for slot in range(AT_ONCE)]
        self.slots = [whole[octets * slot : octets * (slot + 1)] for slot in range(AT_ONCE)]
        self.octets = octets


class _Headers:
    """An array of struct mmsghdr, each with one buffer; as words and longs, which is quicker."""

    def __init__(self, buffer: _Buffer) -> None:
        self._iovecs = (_Iovec * AT_ONCE)()
        self._headers = (_Mmsghdr * AT_ONCE)()
        for slot, (iovec, header) in enumerate(zip(self._iovecs, self._headers, strict=True)):
            iovec.base, iovec.length = buffer.addresses[slot], buffer.octets
            header.iov, header.iov_length = ctypes.addressof(iovec), 1
        self.pointer = ctypes.addressof(self._headers)
        octets = memoryview(self._headers).cast("B")
        self.words, self.longs = octets.cast("I"), octets.cast("Q")
        self.sizes = memoryview(self._iovecs).cast("B").cast("Q")

    def point(self, slot: int, name: int, control: int) -> None:
        """Where the kernel puts the address, and the control data."""
        self._headers[slot].name, self._headers[slot].control = name, control
