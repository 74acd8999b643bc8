"""A small real nameserver for the outside world of tests: zones as text, UDP and TCP.

It answers by the rules (authoritative, referral with glue, DS from above the cut) unless a test
gives it a ``manner`` of its own.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

from firstparty.config.addresses import Address

# From the query and the answer by the rules to the datagrams (or messages) really sent.
Manner = Callable[[dns.message.Message, dns.message.Message], list[bytes]]


def by_the_rules(query: dns.message.Message, answer: dns.message.Message) -> list[bytes]:
    del query
    return [answer.to_wire(max_size=65535)]


class DnsServer:
    """Zones at one address; ``queries`` are those it got, as "NAME TYPE TRANSPORT"."""

    def __init__(self, zones: Mapping[str, str], manner: Manner = by_the_rules) -> None:
        self.zones: dict[dns.name.Name, dns.zone.Zone] = {}
        for apex, text in zones.items():
            self.load(apex, text)
        self.manner = manner
        self.queries: list[str] = []

    def load(self, apex: str, text: str) -> None:
        soa = "@ 60 SOA ns hostmaster 1 14400 3600 604800 60\n"
        origin = dns.name.from_text(apex)
        self.zones[origin] = dns.zone.from_text(
            soa + text, origin=origin, relativize=False, check_origin=False
        )

    def answer(self, wire: bytes, transport: str) -> list[bytes]:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, rdtype = question.name, dns.rdatatype.to_text(question.rdtype)
        self.queries.append(f"{name.to_text().lower()} {rdtype} {transport}")
        return self.manner(query, self._by_the_rules(query))

    def _by_the_rules(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        name, rdtype = query.question[0].name, query.question[0].rdtype
        is_ds = rdtype == dns.rdatatype.DS
        apexes = [
            apex
            for apex in self.zones
            if name.is_subdomain(apex) and not (is_ds and apex == name and len(self.zones) > 1)
        ]
        if not apexes:
            response.set_rcode(dns.rcode.REFUSED)
            return response
        zone = self.zones[max(apexes, key=len)]
        assert zone.origin is not None
        for depth in range(len(zone.origin) + 1, len(name) + 1):
            cut = name.split(depth)[1]
            if zone.get_rdataset(cut, "NS") and not (is_ds and cut == name):
                _refer(response, zone, cut)
                return response
        response.flags |= dns.flags.AA
        self._answer_from(response, zone, name, rdtype)
        return response

    def _answer_from(
        self,
        response: dns.message.Message,
        zone: dns.zone.Zone,
        name: dns.name.Name,
        rdtype: dns.rdatatype.RdataType,
    ) -> None:
        for wanted in (rdtype, dns.rdatatype.CNAME):
            found = zone.get_rrset(name, wanted)
            if found is not None:
                response.answer.append(found)
                return
        star = dns.name.Name((b"*", *name.labels[1:]))
        synthesised = zone.get_rrset(star, rdtype)
        is_there = any(owner.is_subdomain(name) for owner in zone.nodes)
        if synthesised is not None and not is_there:  # RFC 4592, one label deep
            records = list(synthesised)
            response.answer.append(dns.rrset.from_rdata_list(name, synthesised.ttl, records))
            return
        if not is_there:
            response.set_rcode(dns.rcode.NXDOMAIN)
        soa = zone.get_rrset(zone.origin or name, "SOA")
        assert soa is not None
        response.authority.append(soa)


def _refer(response: dns.message.Message, zone: dns.zone.Zone, cut: dns.name.Name) -> None:
    for rdtype in ("NS", "DS"):
        rrset = zone.get_rrset(cut, rdtype)
        if rrset is not None:
            response.authority.append(rrset)
    for record in response.authority[0]:
        for rdtype in ("A", "AAAA"):
            glue = zone.get_rrset(record.target, rdtype)
            if glue is not None:
                response.additional.append(glue)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for wire in self._server.answer(data, "udp"):
            self._transport.sendto(wire, addr)


@asynccontextmanager
async def listening(
    server: DnsServer, host: str = "127.0.0.1", port: int = 0, *, has_tcp: bool = True
) -> AsyncIterator[Address]:
    """The server at ``host``, on a free port unless given."""
    loop = asyncio.get_running_loop()
    udp, tcp = bind_both(host, port)
    transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(server), sock=udp)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                for wire in server.answer(await reader.readexactly(length), "tcp"):
                    writer.write(len(wire).to_bytes(2, "big") + wire)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()

    address = Address(host, udp.getsockname()[1])
    listener = await asyncio.start_server(serve, sock=tcp) if has_tcp else None
    if listener is None:
        tcp.close()
    try:
        yield address
    finally:
        transport.close()
        if listener is not None:
            listener.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await listener.wait_closed()


def bind_both(host: str = "127.0.0.1", port: int = 0) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(20):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        udp.bind((host, port))
        tcp = socket.socket(family, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(udp.getsockname()[:2])
        except OSError:
            udp.close()
            tcp.close()
            continue
        return udp, tcp
    raise OSError(f"no port of {host} is free for both UDP and TCP")
