"""Zones for secondaries that have the key: AXFR (RFC 5936), IXFR (RFC 1995), signed questions.

Nothing is given to anybody without the key, from whatever address.
"""

import ipaddress
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import dns.message
import dns.rcode
import dns.rdatatype
import dns.tsig

from firstparty.config.addresses import ConfigError
from firstparty.config.settings import TransferSettings
from firstparty.nameserver.answers import CompiledZone
from firstparty.nameserver.history import list_records, serial_of, soa_of
from firstparty.nameserver.published import Published
from firstparty.nameserver.tsig import Signer, parse_key, read_signed
from firstparty.telemetry import Log

_MESSAGE_OCTETS: Final = 16_000  # a message is sent once it has grown beyond
_AUTHORITATIVE: Final = 0x8400  # QR and AA
_TRANSFERS: Final = (dns.rdatatype.AXFR, dns.rdatatype.IXFR)


class Transfers:
    """Answers signed messages. ``answer_plainly`` is how the nameserver answers all others."""

    def __init__(
        self,
        published: Published,
        settings: TransferSettings,
        answer_plainly: Callable[[bytes, bytes], bytes | None],
    ) -> None:
        """Raises ConfigError."""
        self.key = parse_key(settings.key, settings.secret)
        try:
            self._allowed = [ipaddress.ip_network(text) for text in settings.allow]
        except ValueError as error:
            raise ConfigError(f"nameserver.transfer.allow: {error}") from error
        self._published = published
        self._answer_plainly = answer_plainly
        self._log = Log("nameserver")

    def answer(self, wire: bytes, address: bytes, *, is_udp: bool) -> Iterator[bytes]:
        """The messages that answer a signed one: signed, or a bare NOTAUTH."""
        request = read_signed(wire, self.key)
        if request is None or not self._is_allowed(address) or len(request.question) != 1:
            yield _refuse(wire, dns.rcode.NOTAUTH)
            return
        signer = Signer(self.key, request)
        for message in self._answer(request, wire, address, is_udp=is_udp):
            yield signer.sign(message)

    def _answer(
        self, request: dns.message.Message, wire: bytes, address: bytes, *, is_udp: bool
    ) -> Iterator[bytes]:
        (question,) = request.question
        apex = question.name.canonicalize().to_wire() or b""
        is_transfer = question.rdtype in _TRANSFERS
        is_catalog = apex == self._published.catalog_apex
        if not is_transfer and not (is_catalog and question.rdtype == dns.rdatatype.SOA):
            answer = self._answer_plainly(wire, address)
            if answer is not None:
                yield answer
            return
        zone = self._published.find(apex)
        if zone is None:
            yield _refuse(wire, dns.rcode.NOTAUTH)
        elif question.rdtype == dns.rdatatype.AXFR and is_udp:
            yield _refuse(wire, dns.rcode.FORMERR)  # RFC 5936 §4.2
        elif not is_transfer or is_udp:
            yield from _pack(wire, [soa_of(zone)])  # RFC 1995 §2: come over TCP
        else:
            yield from _pack(wire, self._list(request, zone))

    def _list(self, request: dns.message.Message, zone: CompiledZone) -> Iterable[bytes]:
        """The records of a transfer: only what changed if we know it, else all."""
        newest = soa_of(zone)
        known = [rrset[0] for rrset in request.authority if rrset.rdtype == dns.rdatatype.SOA]
        name = request.question[0].name.to_text()
        if request.question[0].rdtype == dns.rdatatype.IXFR and known:
            serial = known[0].serial
            if serial == serial_of(zone):
                return [newest]
            changes = self._published.history.since(zone.apex, serial)
            if changes is not None:
                self._log.info("nameserver.changes_sent", zone=name, after=serial)
                records = [newest]
                for one in changes:
                    records += [one.old_soa, *one.removed, one.new_soa, *one.added]
                return [*records, newest]
        self._log.info("nameserver.zone_sent", zone=name, serial=serial_of(zone))
        everything = (one for at in tuple(zone.nodes.items()) for one in list_records(*at))
        return [newest, *(one for one in everything if one != newest), newest]

    def _is_allowed(self, address: bytes) -> bool:
        found = ipaddress.ip_address(address)
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return not self._allowed or any(found in network for network in self._allowed)


def _refuse(wire: bytes, rcode: int) -> bytes:
    """Only a header."""
    return wire[:2] + bytes((0x80 | wire[2] & 0x78, rcode)) + bytes(8)


def _pack(wire: bytes, records: Iterable[bytes]) -> Iterator[bytes]:
    """Records as answers in as many messages as it takes; the question is in the first."""
    end = wire.index(0, 12) + 5
    question = wire[12:end]
    body, count = bytearray(), 0
    for record in records:
        body += record
        count += 1
        if len(body) > _MESSAGE_OCTETS:
            yield _head(wire, question, count) + bytes(body)
            question, body, count = b"", bytearray(), 0
    if count:
        yield _head(wire, question, count) + bytes(body)


def _head(wire: bytes, question: bytes, count: int) -> bytes:
    return wire[:2] + struct.pack(">5H", _AUTHORITATIVE, bool(question), count, 0, 0) + question
