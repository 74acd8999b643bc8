"""From the facts of a zone to its records (pure): which owner names there are, and what is there.

A name without records is there too, so that it is answered NODATA and not NXDOMAIN: empty
non-terminals, and the places where a dns-01 challenge will appear.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from firstparty.model.feed import Zone

NS_TTL: Final = 3600
SOA_TTL: Final = 3600
CAA_TTL: Final = 300
HOST_TTL: Final = 60
TXT_TTL: Final = 5
NAMESERVER_TTL: Final = 300
# Seconds: refresh, retry, expire as zonemaster wants them. RFC 2308 §5 for the last.
SOA_TIMERS: Final = "14400 3600 1209600 300"
NEGATIVE_TTL: Final = 300
# Where something is about to appear, nobody may remember for long that it was not there.
SOON_THERE_TTL: Final = 5
CHALLENGE_LABEL: Final = "_acme-challenge"
_MAX_STRING: Final = 255
_MAX_SET_BYTES: Final = 16_384  # with all else in a message well under its 65,535

_Types = dns.rdatatype.RdataType


class BadZone(Exception):
    """A zone's facts contradict themselves or cannot be written as records; says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rrset:
    """Records of one type at one name. ``rdatas`` are in wire form, without compression."""

    ttl: int
    rdatas: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What is at one name. ``negative_ttl``: how long the absence of a type may be remembered."""

    rrsets: Mapping[int, Rrset]
    negative_ttl: int = NEGATIVE_TTL


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A zone, ready to be compiled: every owner name, in lower-case wire form, apex included.

    ``negative_ttl``: how long the absence of a *name* may be remembered.
    """

    apex: bytes
    soa: bytes
    owners: Mapping[bytes, Owner]
    negative_ttl: int = NEGATIVE_TTL


def build_contents(zone: Zone, *, service_domain: str) -> Contents:
    """The records of a custom domain's zone (SPEC N2); raises BadZone."""
    apex = _parse_name(zone.apex)
    _require_nameservers(zone)
    records = _Records(apex, zone.serial, zone.nameservers, service_domain)
    for caa in zone.caa:
        records.add(
            apex, _Types.CAA, CAA_TTL, f"{caa.flags} {caa.tag} {_quote(caa.value.encode())}"
        )
    for text in zone.hosts:
        host = _parse_name(text)
        records.add_addresses(host, HOST_TTL, zone.addresses)
        # RFC 9460: the edge speaks HTTP/2 and HTTP/1.1; "." means: at this very name.
        records.add(host, _Types.HTTPS, HOST_TTL, '1 . alpn="h2,http/1.1"')
        records.note_soon(_parse_name(f"{CHALLENGE_LABEL}.{text}"))
    for text, values in zone.txt.items():
        owner = _parse_name(text)
        records.note_soon(owner)
        for value in values:
            records.add(owner, _Types.TXT, TXT_TTL, _quote_strings(value))
    return records.build(negative_ttl=NEGATIVE_TTL)


def build_service_contents(
    service_domain: str,
    *,
    serial: int,
    nameservers: Iterable[str],
    addresses: Iterable[str],
) -> Contents:
    """The operator's own zone: the per-claim nameserver names among ``nameservers``, and its own.

    Names outside ``service_domain`` are left out: their addresses are somebody else's to give.
    """
    apex = _parse_name(service_domain)
    own = (f"ns1.{service_domain}", f"ns2.{service_domain}")
    records = _Records(apex, serial, own, service_domain)
    spread = tuple(addresses)
    for text in {*own, *nameservers}:
        name = _parse_name(text)
        if name.is_subdomain(apex) and name != apex:
            records.add_addresses(name, NAMESERVER_TTL, spread)
    # The next claim's names may be asked for a moment before they are here.
    return records.build(negative_ttl=SOON_THERE_TTL)


class _Records:
    """Collects records by owner name; every owner must be in the zone."""

    def __init__(
        self, apex: dns.name.Name, serial: int, nameservers: Iterable[str], service_domain: str
    ) -> None:
        self._apex = apex
        self._ttls: dict[bytes, int] = {}
        self._rrsets: dict[bytes, dict[int, Rrset]] = {}
        names = [_parse_name(text).to_text() for text in nameservers]
        self._soa = _to_wire(
            _Types.SOA,
            f"{names[0]} hostmaster.{_parse_name(service_domain)} {serial % 2**32} {SOA_TIMERS}",
        )
        self._put(apex, _Types.SOA, SOA_TTL, self._soa)
        for name in names:
            self.add(apex, _Types.NS, NS_TTL, name)

    def add(self, owner: dns.name.Name, rdtype: _Types, ttl: int, text: str) -> None:
        """Add one record in the form of a zone file."""
        self._put(owner, rdtype, ttl, _to_wire(rdtype, text))

    def add_addresses(self, owner: dns.name.Name, ttl: int, addresses: Iterable[str]) -> None:
        """Add an A or AAAA record for each address."""
        for address in addresses:
            self.add(owner, _Types.AAAA if ":" in address else _Types.A, ttl, address)

    def note_soon(self, owner: dns.name.Name) -> None:
        """Make the name exist, empty if need be, and its emptiness be forgotten soon."""
        self._rrsets_at(owner)
        self._ttls[_wire(owner)] = SOON_THERE_TTL

    def build(self, *, negative_ttl: int) -> Contents:
        """The zone with all that was added."""
        owners = {
            name: Owner(rrsets=rrsets, negative_ttl=self._ttls.get(name, negative_ttl))
            for name, rrsets in self._rrsets.items()
        }
        return Contents(
            apex=_wire(self._apex), soa=self._soa, owners=owners, negative_ttl=negative_ttl
        )

    def _put(self, owner: dns.name.Name, rdtype: _Types, ttl: int, rdata: bytes) -> None:
        rrsets = self._rrsets_at(owner)
        there = rrsets.get(rdtype, Rrset(ttl=ttl, rdatas=()))
        if rdata in there.rdatas:  # RFC 2181 §5: a set has no duplicates
            return
        if sum(map(len, there.rdatas), len(rdata)) > _MAX_SET_BYTES:
            raise BadZone(f"the {rdtype.name} records of {owner} do not fit into one message")
        rrsets[rdtype] = Rrset(ttl=ttl, rdatas=(*there.rdatas, rdata))

    def _rrsets_at(self, owner: dns.name.Name) -> dict[int, Rrset]:
        """What is at ``owner`` so far; the names between it and the apex exist from now on."""
        if not owner.is_subdomain(self._apex):
            raise BadZone(f"{owner} is not in the zone {self._apex}")
        for depth in range(len(self._apex), len(owner) + 1):
            self._rrsets.setdefault(_wire(owner.split(depth)[1]), {})
        return self._rrsets[_wire(owner)]


def _require_nameservers(zone: Zone) -> None:
    if not zone.nameservers:
        raise BadZone(f"the zone {zone.apex} has no nameservers")


def _parse_name(text: str) -> dns.name.Name:
    try:
        # No IDNA here: names in the feed are A-labels, anything else is a mistake.
        name = dns.name.from_text(text.encode("ascii"))
    except (dns.exception.DNSException, UnicodeEncodeError) as error:
        raise BadZone(f"{text!r} is not a domain name: {error}") from error
    if name == dns.name.root:
        raise BadZone(f"{text!r} is the root")
    return name.canonicalize()


def _to_wire(rdtype: _Types, text: str) -> bytes:
    try:
        rdata = dns.rdata.from_text(dns.rdataclass.IN, rdtype, text, relativize=False)
        return rdata.to_wire() or b""
    except (dns.exception.DNSException, ValueError) as error:
        raise BadZone(f"{rdtype.name} {text!r}: {error}") from error


def _wire(name: dns.name.Name) -> bytes:
    return name.to_wire() or b""


def _quote_strings(value: str) -> str:
    """A TXT value as quoted strings of at most 255 octets each (RFC 1035 §3.3.14)."""
    octets = value.encode()
    pieces = [octets[at : at + _MAX_STRING] for at in range(0, len(octets), _MAX_STRING)] or [b""]
    return " ".join(_quote(piece) for piece in pieces)


def _quote(octets: bytes) -> str:
    """One quoted string of a zone file, each octet as a number (RFC 1035 §5.1)."""
    return '"' + "".join(f"\\{octet:03}" for octet in octets) + '"'
