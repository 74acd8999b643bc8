"""The demo's parent nameserver: a small authoritative server for the zones above ours.

It plays what the rest of the DNS is to a laptop: the root, the top-level domain and ``shop.test``.
It answers referrals for what is delegated and takes RFC 2136 updates from loopback, so that
records are added with ``nsupdate`` as at a real provider.
"""

import asyncio
import ipaddress
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Final, cast

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.update
import dns.zone

from firstparty.demo.parent_zones import answer_query
from firstparty.demo.parent_zones import apply_update as apply_to_zone
from firstparty.errors import Refused
from firstparty.telemetry import Log

_MAX_UDP_BYTES: Final = 1232
_TCP_IDLE_SECONDS: Final = 10.0
_UPDATE_SECONDS: Final = 5.0
_HEADER_BYTES: Final = 12

Zones = Mapping[dns.name.Name, dns.zone.Zone]


async def serve_parent(
    *, udp: socket.socket, tcp: socket.socket, zones: Sequence[dns.zone.Zone]
) -> None:
    """Answer for ``zones`` on both sockets until cancelled. Updates change them in memory."""
    served = {zone.origin: zone for zone in zones if zone.origin is not None}
    loop = asyncio.get_running_loop()
    udp.setblocking(False)
    tcp.setblocking(False)
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(served), sock=udp)
    server = await asyncio.start_server(lambda r, w: _serve_connection(served, r, w), sock=tcp)
    try:
        async with server:
            await server.serve_forever()
    finally:
        transport.close()


async def add_delegation(
    address: tuple[str, int], zone: str, name: str, nameservers: Sequence[str]
) -> None:
    """Make ``nameservers`` the NS records of ``name`` in ``zone``, by an UPDATE to ``address``.

    What ``name`` was delegated to before goes away; an empty sequence takes the delegation away.
    Raises Refused when the server does not take it.
    """
    update = dns.update.UpdateMessage(zone)
    owner = dns.name.from_text(name)
    update.delete(owner, "NS")
    for nameserver in nameservers:
        update.add(owner, 300, "NS", dns.name.from_text(nameserver).to_text())
    await _send_update(address, update, name)


async def add_cname(address: tuple[str, int], zone: str, host: str, target: str) -> None:
    """Make ``host`` in ``zone`` a CNAME to ``target``, and nothing else; see ``add_delegation``."""
    update = dns.update.UpdateMessage(zone)
    owner = dns.name.from_text(host)
    update.delete(owner)
    update.add(owner, 300, "CNAME", dns.name.from_text(target).to_text())
    await _send_update(address, update, host)


async def _send_update(
    address: tuple[str, int], update: dns.update.UpdateMessage, name: str
) -> None:
    host, port = address
    try:
        answer = await dns.asyncquery.tcp(update, host, port=port, timeout=_UPDATE_SECONDS)
    except (dns.exception.DNSException, OSError, EOFError) as error:
        raise Refused(
            "no-parent", f"The nameserver at {host}:{port} does not answer: {error}"
        ) from error
    if answer.rcode() != dns.rcode.NOERROR:
        rcode = dns.rcode.to_text(answer.rcode())
        raise Refused("update-refused", f"{host}:{port} answered {rcode} to the update of {name}")


def respond(zones: Zones, wire: bytes, *, client: str, max_bytes: int) -> bytes | None:
    """The answer to one message; None where silence is right (not a query, no header)."""
    try:
        query = dns.message.from_wire(wire, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return _format_error(wire)
    if query.flags & dns.flags.QR:
        return None
    if isinstance(query, dns.update.UpdateMessage):
        answer = dns.message.make_response(query)
        answer.set_rcode(_update(zones, query, client))
    else:
        answer = answer_query(zones, query)
    try:
        return answer.to_wire(max_size=max_bytes)
    except dns.exception.TooBig:
        short = dns.message.make_response(query)
        short.flags |= dns.flags.TC
        return short.to_wire()


def _update(zones: Zones, update: dns.update.UpdateMessage, client: str) -> dns.rcode.Rcode:
    if not ipaddress.ip_address(client.partition("%")[0]).is_loopback:
        return dns.rcode.REFUSED
    if len(update.zone) != 1 or update.zone[0].rdtype != dns.rdatatype.SOA:
        return dns.rcode.FORMERR
    zone = zones.get(update.zone[0].name)
    if zone is None:
        return dns.rcode.NOTAUTH
    rcode = apply_to_zone(zone, update)
    Log("demo").info(
        "parent.updated",
        zone=update.zone[0].name.to_text(),
        changes=len(update.update),
        rcode=dns.rcode.to_text(rcode),
    )
    return rcode


def _format_error(wire: bytes) -> bytes | None:
    """FORMERR with the id and opcode of what could not be read (RFC 1035 §4.1.1)."""
    if len(wire) < _HEADER_BYTES or wire[2] & 0x80:
        return None
    flags = (wire[2] & 0x78) | 0x80
    return wire[:2] + bytes([flags, dns.rcode.FORMERR]) + bytes(8)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = respond(self._zones, data, client=addr[0], max_bytes=_MAX_UDP_BYTES)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


async def _serve_connection(
    zones: Zones, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Messages with a length in front (RFC 1035 §4.2.2), one after another."""
    client = writer.get_extra_info("peername")[0]
    try:
        while True:
            async with asyncio.timeout(_TCP_IDLE_SECONDS):
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                wire = await reader.readexactly(length)
            answer = respond(zones, wire, client=client, max_bytes=0xFFFF)
            if answer is None:
                return
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, TimeoutError, OSError):
        return
    finally:
        writer.close()
