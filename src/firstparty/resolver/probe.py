"""One bounded DNS exchange with one server, hard to spoof.

Random id, a random source port (the kernel's), random letter case of the name (0x20), a connected
socket; an answer that does not fit the question is not looked at. What comes back is dnspython's
message, or the Trouble that kept it away.
"""

import asyncio
import errno
import secrets
import string
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype

from firstparty.config.addresses import Address
from firstparty.outbound.addresses import is_public_text
from firstparty.resolver.budget import Budget, BudgetSpent
from firstparty.resolver.observed import Transport, Trouble

EXCHANGE_SECONDS: Final = 2.0
_LETTERS: Final = string.ascii_letters.encode()
_PAYLOAD: Final = 1232  # DNS flag day 2020: never fragmented
_NO_ROUTE: Final = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
)
_TCP_DOES_NOT_WORK: Final = frozenset({Trouble.TIMEOUT, Trouble.UNREACHABLE, Trouble.GARBLED})

Reply = dns.message.Message | Trouble


class Prober:
    """Asks servers within one budget; sends nothing to an address that is not allowed.

    ``trusted`` are addresses that the operator configured: they may be private ones.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        trusted: frozenset[Address],
        allow_private: bool = False,
        wants_recursion: bool = False,
    ) -> None:
        self.budget = budget
        self._trusted = trusted
        self._allow_private = allow_private
        self._wants_recursion = wants_recursion

    async def ask(
        self,
        server: Address,
        name: dns.name.Name,
        rdtype: dns.rdatatype.RdataType,
        *,
        transport: Transport = Transport.UDP,
    ) -> Reply:
        """Ask one question; over TCP again where the UDP answer is truncated. Never raises."""
        if not self._may_contact(server):
            return Trouble.NOT_PUBLIC
        try:
            reply = await self._exchange(server, name, rdtype, transport)
            if isinstance(reply, dns.message.Message) and reply.flags & dns.flags.TC:
                if transport is Transport.TCP:
                    return Trouble.GARBLED
                reply = await self._exchange(server, name, rdtype, Transport.TCP)
        except BudgetSpent:
            return Trouble.BUDGET
        return reply

    async def ask_surely(
        self, server: Address, name: dns.name.Name, rdtype: dns.rdatatype.RdataType
    ) -> Reply:
        """Ask over TCP, where nobody can forge an answer; over UDP only where TCP does not work."""
        reply = await self.ask(server, name, rdtype, transport=Transport.TCP)
        if isinstance(reply, Trouble) and reply in _TCP_DOES_NOT_WORK:
            over_udp = await self.ask(server, name, rdtype)
            return reply if over_udp is Trouble.BUDGET else over_udp
        return reply

    def _may_contact(self, server: Address) -> bool:
        return self._allow_private or server in self._trusted or is_public_text(server.host)

    async def _exchange(
        self,
        server: Address,
        name: dns.name.Name,
        rdtype: dns.rdatatype.RdataType,
        transport: Transport,
    ) -> Reply:
        self.budget.spend_query()
        query = build_query(name, rdtype, wants_recursion=self._wants_recursion)
        exchange = _ask_udp if transport is Transport.UDP else _ask_tcp
        try:
            async with asyncio.timeout(min(EXCHANGE_SECONDS, self.budget.seconds_left)):
                return await exchange(server, query)
        except TimeoutError:
            return Trouble.TIMEOUT
        except asyncio.IncompleteReadError:
            return Trouble.GARBLED
        except OSError as error:
            return _trouble_of(error)


def build_query(
    name: dns.name.Name, rdtype: dns.rdatatype.RdataType, *, wants_recursion: bool = False
) -> dns.message.Message:
    """A query with EDNS, DO (a referral then has the DS) and random case; RD=0 unless told."""
    query = dns.message.make_query(
        _with_random_case(name), rdtype, use_edns=0, want_dnssec=True, payload=_PAYLOAD
    )
    if not wants_recursion:
        query.flags &= ~dns.flags.RD
    query.id = secrets.randbelow(1 << 16)
    return query


def read_reply(
    query: dns.message.Message, wire: bytes, *, needs_case: bool
) -> dns.message.Message | None:
    """The message in ``wire`` if it answers exactly ``query``; ``needs_case``: letter for letter.

    Over TCP the case is not looked at: nobody can forge there, and a few servers change it.
    """
    try:
        reply = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError):
        return None
    if reply.id != query.id or not reply.flags & dns.flags.QR or len(reply.question) != 1:
        return None
    asked, echoed = query.question[0], reply.question[0]
    is_same = (
        # Equality of names ignores the case, that of their labels does not.
        (echoed.name.labels == asked.name.labels if needs_case else echoed.name == asked.name)
        and echoed.rdtype == asked.rdtype
        and echoed.rdclass == dns.rdataclass.IN
    )
    return reply if is_same else None


def _with_random_case(name: dns.name.Name) -> dns.name.Name:
    return dns.name.Name(
        bytes(byte ^ 0x20 if byte in _LETTERS and secrets.randbits(1) else byte for byte in label)
        for label in name.labels
    )


class _UdpExchange(asyncio.DatagramProtocol):
    """Waits for the one datagram that answers; all others are dropped without a word."""

    def __init__(self, query: dns.message.Message) -> None:
        self._query = query
        self.reply: asyncio.Future[dns.message.Message] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Take the answer, if it is one. The socket is connected: others cannot reach it."""
        del addr
        reply = read_reply(self._query, data, needs_case=True)
        if reply is not None and not self.reply.done():
            self.reply.set_result(reply)

    def error_received(self, exc: Exception) -> None:
        """The kernel says that nobody listens there."""
        if not self.reply.done():
            self.reply.set_exception(exc)


async def _ask_udp(server: Address, query: dns.message.Message) -> Reply:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _UdpExchange(query), remote_addr=(server.host, server.port)
    )
    try:
        transport.sendto(query.to_wire())
        return await protocol.reply
    finally:
        protocol.reply.cancel()
        transport.close()


async def _ask_tcp(server: Address, query: dns.message.Message) -> Reply:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        wire = query.to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        length = int.from_bytes(await reader.readexactly(2), "big")
        wire = await reader.readexactly(length)
        return read_reply(query, wire, needs_case=False) or Trouble.GARBLED
    finally:
        writer.transport.abort()


def _trouble_of(error: OSError) -> Trouble:
    return Trouble.NO_ROUTE if error.errno in _NO_ROUTE else Trouble.UNREACHABLE
