"""The demo's recursive resolver: what a CA asks when it comes to validate.

It knows the demo's two authoritative servers, the parent's and ours, follows CNAMEs from one to the
other, and keeps no cache. UDP only: its one client is the test CA.
"""

import asyncio
import socket
from typing import Final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from firstparty.config.addresses import Address

_MAX_CNAMES: Final = 8
_ASK_SECONDS: Final = 2.0
_MAX_QUERY_BYTES: Final = 4096
_MAX_UDP_BYTES: Final = 1232


async def serve_resolver(
    *, udp: socket.socket, parent: Address, nameserver: Address, service_domain: str
) -> None:
    """Answer on ``udp`` until cancelled.

    ``nameserver`` is asked for names of ``service_domain`` and for what ``parent`` delegates.
    """
    resolver = _Resolver(parent, nameserver, dns.name.from_text(service_domain))
    loop = asyncio.get_running_loop()
    udp.setblocking(False)

    async def answer(wire: bytes, client: tuple[str, int]) -> None:
        response = await resolver.respond(wire)
        if response is not None:
            await loop.sock_sendto(udp, response, client)

    async with asyncio.TaskGroup() as tasks:
        while True:
            wire, client = await loop.sock_recvfrom(udp, _MAX_QUERY_BYTES)
            tasks.create_task(answer(wire, client))


class _Resolver:
    def __init__(self, parent: Address, nameserver: Address, service: dns.name.Name) -> None:
        self._parent = parent
        self._nameserver = nameserver
        self._service = service

    async def respond(self, wire: bytes) -> bytes | None:
        """The answer to one query; None where silence is right."""
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return None
        if query.flags & dns.flags.QR:
            return None
        response = dns.message.make_response(query, recursion_available=True)
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            response.set_rcode(dns.rcode.NOTIMP)
            return response.to_wire()
        try:
            await self._resolve(response, query.question[0].name, query.question[0].rdtype)
        except (dns.exception.DNSException, OSError):
            response.set_rcode(dns.rcode.SERVFAIL)
        return response.to_wire(max_size=_MAX_UDP_BYTES)

    async def _resolve(
        self,
        response: dns.message.Message,
        name: dns.name.Name,
        rdtype: dns.rdatatype.RdataType,
    ) -> None:
        for _ in range(_MAX_CNAMES):
            reply = await self._ask(name, rdtype)
            response.answer += reply.answer
            response.set_rcode(reply.rcode())
            cname = reply.get_rrset(reply.answer, name, dns.rdataclass.IN, dns.rdatatype.CNAME)
            if cname is None or rdtype == dns.rdatatype.CNAME:
                return
            name = cname[0].target

    async def _ask(
        self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType
    ) -> dns.message.Message:
        query = dns.message.make_query(name, rdtype, use_edns=0, payload=_MAX_UDP_BYTES)
        query.flags &= ~dns.flags.RD
        if not name.is_subdomain(self._service):
            reply = await _exchange(query, self._parent)
            if reply.flags & dns.flags.AA or not reply.authority:
                return reply
        return await _exchange(query, self._nameserver)


async def _exchange(query: dns.message.Message, server: Address) -> dns.message.Message:
    return await dns.asyncquery.udp(query, server.host, port=server.port, timeout=_ASK_SECONDS)
