"""From the facts of a zone to its records (pure): which owner names there are, and what is there.

A name without records is there too, so that it is answered NODATA and not NXDOMAIN: those between
a host and the apex.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from firstparty.model.feed import CaaRecord, Zone
from firstparty.zones.names import BadName, ancestors, is_below, parse_name

NS_TTL: Final = 3600
SOA_TTL: Final = 3600
CAA_TTL: Final = 300
HOST_TTL: Final = 60
TXT_TTL: Final = 5
NAMESERVER_TTL: Final = 300
# Refresh, retry, expire in seconds, as zonemaster wants them; and the negative TTL (RFC 2308 §5).
SOA_TIMERS: Final = (14_400, 3_600, 1_209_600, 300)
NEGATIVE_TTL: Final = 300
# Where something is about to appear, nobody may remember for long that it was not there.
SOON_THERE_TTL: Final = 5
CHALLENGE_LABEL: Final = "_acme-challenge"
# Stands where a dns-01 challenge will appear, with the TTL of one: its absence would be remembered
# for as long as the zone's negative TTL, by secondaries and by whoever reads NSEC records.
NO_CHALLENGE: Final = "no challenge at the moment"

_MAX_STRING: Final = 255
_MAX_OCTET: Final = 255
_MAX_SET_BYTES: Final = 16_384  # with all else in a message well under its 65,535
# RFC 9460 §2.2: priority 1, "." (at this very name), alpn: the edge speaks both.
_HTTPS: Final = b"\x00\x01" + b"\x00" + b"\x00\x01\x00\x0c" + b"\x02h2" + b"\x08http/1.1"


class RecordType(IntEnum):
    """The types of records that our zones have."""

    A = 1
    NS = 2
    SOA = 6
    PTR = 12
    TXT = 16
    AAAA = 28
    RRSIG = 46
    NSEC = 47
    DNSKEY = 48
    CDS = 59
    CDNSKEY = 60
    HTTPS = 65
    CAA = 257


class BadZone(Exception):
    """A zone's facts contradict themselves or cannot be written as records; says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rrset:
    """Records of one type at one name. ``rdatas`` are in wire form, without compression.

    ``signatures`` are the rdatas of the RRSIG records that cover them.
    """

    ttl: int
    rdatas: tuple[bytes, ...]
    signatures: tuple[bytes, ...] = ()


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
    try:
        records = _Records(zone.apex, zone.serial, zone.nameservers, service_domain)
        for caa in zone.caa:
            records.add(records.apex, RecordType.CAA, CAA_TTL, _caa(caa))
        _add_hosts(records, zone)
    except BadName as error:
        raise BadZone(f"zone {zone.apex}: {error}") from error
    return records.build(negative_ttl=NEGATIVE_TTL)


def build_service_contents(
    service_domain: str, *, serial: int, addresses: Iterable[str], zones: Iterable[Zone] = ()
) -> Contents:
    """The operator's own zone without the claims' names: SOA, NS, and its nameservers' addresses.

    ``zones`` are entries of the feed for the service domain itself: its default hosts and its
    console, with their challenges. Raises BadZone.
    """
    own = (f"ns1.{service_domain}", f"ns2.{service_domain}")
    try:
        records = _Records(service_domain, serial, own, service_domain)
        for name, some in zip(map(parse_name, own), spread_addresses(addresses), strict=True):
            records.add_addresses(name, NAMESERVER_TTL, some)
        for zone in zones:
            for caa in zone.caa:
                records.add(records.apex, RecordType.CAA, CAA_TTL, _caa(caa))
            _add_hosts(records, zone)
    except BadName as error:
        raise BadZone(f"service domain: {error}") from error
    # The next claim's names may be asked for a moment before they are here.
    return records.build(negative_ttl=SOON_THERE_TTL)


def _add_hosts(records: "_Records", zone: Zone) -> None:
    for host in map(parse_name, zone.hosts):
        records.add_addresses(host, HOST_TTL, zone.addresses)
        records.add(host, RecordType.HTTPS, HOST_TTL, _HTTPS)
    places = {f"{CHALLENGE_LABEL}.{text}": (NO_CHALLENGE,) for text in zone.hosts}
    for text, values in (places | zone.txt).items():
        for value in values:
            records.add(parse_name(text), RecordType.TXT, TXT_TTL, _strings(value))


def spread_addresses(addresses: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The addresses of the first and of the second of two nameserver names.

    Two names for the same address look like two servers and are one, so each gets every other
    address of each family; all of them where there is only one.
    """
    together = tuple(addresses)
    families = [[one for one in together if (":" in one) is is_ipv6] for is_ipv6 in (False, True)]
    first, second = (tuple(one for each in families for one in each[at::2]) for at in (0, 1))
    return (first, second) if second else (together, together)


def build_nameserver_owner(addresses: Iterable[str]) -> Owner:
    """What is at a claim's nameserver names: the same at all of them."""
    return Owner(
        rrsets=_address_sets(tuple(addresses), NAMESERVER_TTL), negative_ttl=SOON_THERE_TTL
    )


def build_target_owner(addresses: Iterable[str], caa: Iterable[CaaRecord] = ()) -> Owner:
    """What is at a CNAME target: the edge's addresses, as at a host of a delegated zone, and CAA.

    Raises BadZone.
    """
    rrsets = dict(_address_sets(tuple(addresses), HOST_TTL))
    rrsets[RecordType.HTTPS] = Rrset(ttl=HOST_TTL, rdatas=(_HTTPS,))
    records = tuple(map(_caa, caa))
    if records:
        rrsets[RecordType.CAA] = Rrset(ttl=CAA_TTL, rdatas=records)
    return Owner(rrsets=rrsets)


def build_challenge_owner(values: Iterable[str]) -> Owner:
    """What is at a name that an ``_acme-challenge`` leads to: these TXT values, or that none is."""
    rdatas = tuple(dict.fromkeys(map(_strings, tuple(values) or (NO_CHALLENGE,))))
    return Owner(
        rrsets={RecordType.TXT: Rrset(ttl=TXT_TTL, rdatas=rdatas)}, negative_ttl=SOON_THERE_TTL
    )


def build_soa(primary: bytes, service_domain: str, serial: int) -> bytes:
    """The SOA rdata of any zone of ours; ``primary`` is a name in wire form. Raises BadName."""
    contact = parse_name(f"hostmaster.{service_domain}")
    return primary + contact + struct.pack(">5I", serial % 2**32, *SOA_TIMERS)


class _Records:
    """Collects records by owner name; every owner must be in the zone."""

    def __init__(
        self, apex: str, serial: int, nameservers: Iterable[str], service_domain: str
    ) -> None:
        self.apex = parse_name(apex)
        self._rrsets: dict[bytes, dict[int, Rrset]] = {self.apex: {}}
        names = [parse_name(text) for text in nameservers]
        if not names:
            raise BadZone(f"zone {apex}: it has no nameservers")
        self._soa = build_soa(names[0], service_domain, serial)
        self.add(self.apex, RecordType.SOA, SOA_TTL, self._soa)
        for name in names:
            self.add(self.apex, RecordType.NS, NS_TTL, name)

    def add(self, owner: bytes, rdtype: RecordType, ttl: int, rdata: bytes) -> None:
        """Add one record."""
        rrsets = self._rrsets_at(owner)
        there = rrsets[rdtype].rdatas if rdtype in rrsets else ()
        if rdata in there:  # RFC 2181 §5: a set has no duplicates
            return
        if sum(map(len, there), len(rdata)) > _MAX_SET_BYTES:
            raise BadZone(f"the {rdtype.name} records of {owner!r} do not fit into one message")
        rrsets[rdtype] = Rrset(ttl=ttl, rdatas=(*there, rdata))

    def add_addresses(self, owner: bytes, ttl: int, addresses: Iterable[str]) -> None:
        """Add an A or AAAA record for each address."""
        self._rrsets_at(owner).update(_address_sets(tuple(addresses), ttl))

    def build(self, *, negative_ttl: int) -> Contents:
        """The zone with all that was added."""
        owners = {
            name: Owner(rrsets=rrsets, negative_ttl=negative_ttl)
            for name, rrsets in self._rrsets.items()
        }
        return Contents(apex=self.apex, soa=self._soa, owners=owners, negative_ttl=negative_ttl)

    def _rrsets_at(self, owner: bytes) -> dict[int, Rrset]:
        """What is at ``owner`` so far; the names between it and the apex exist from now on."""
        there = self._rrsets.get(owner)
        if there is not None:
            return there
        if not is_below(owner, self.apex):
            raise BadZone(f"{owner!r} is not in the zone {self.apex!r}")
        for name in ancestors(owner):
            if name == self.apex:
                break
            self._rrsets.setdefault(name, {})
        return self._rrsets[owner]


@lru_cache(maxsize=64)
def _address_sets(addresses: tuple[str, ...], ttl: int) -> Mapping[int, Rrset]:
    """A and AAAA sets; remembered, since nearly all zones have the same edge addresses."""
    packed: dict[int, list[bytes]] = {}
    for text in addresses:
        try:
            address = ip_address(text)
        except ValueError as error:
            raise BadZone(f"{text!r} is not an IP address") from error
        rdatas = packed.setdefault(
            RecordType.A if address.version == 4 else RecordType.AAAA,  # noqa: PLR2004 -- IPv4
            [],
        )
        if address.packed not in rdatas:
            rdatas.append(address.packed)
    return {rdtype: Rrset(ttl=ttl, rdatas=tuple(rdatas)) for rdtype, rdatas in packed.items()}


def _caa(record: CaaRecord) -> bytes:
    """RFC 8659 §4.1: flags, the tag's length, tag, value."""
    tag, value = record.tag.encode(), record.value.encode()
    if not tag.isalnum() or len(tag) > _MAX_STRING or not 0 <= record.flags <= _MAX_OCTET:
        raise BadZone(f"{record} is not a CAA record")
    return bytes((record.flags, len(tag))) + tag + value


def _strings(value: str) -> bytes:
    """A TXT value as strings of at most 255 octets each (RFC 1035 §3.3.14)."""
    octets = value.encode()
    pieces = [octets[at : at + _MAX_STRING] for at in range(0, len(octets), _MAX_STRING)] or [b""]
    return b"".join(bytes((len(piece),)) + piece for piece in pieces)
