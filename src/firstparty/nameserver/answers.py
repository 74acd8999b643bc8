"""From records to what goes on the wire (pure): compiled once a zone, looked up for each query.

An answer is the query's id, flags, counts, the question as it was asked (its letter case
survives) and a *tail*: the records. Every owner name in a tail is a pointer into the question,
so tails do not depend on the query, and making one never involves a DNS library.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from firstparty.nameserver.zone import Contents, Owner, Rrset

SOA: Final = 6
ANY: Final = b"\x00\xff"
_QUESTION_OFFSET: Final = 12  # right behind the header
_POINTER: Final = 0xC000  # RFC 1035 §4.1.4
_AT_QUESTION: Final = struct.pack(">H", _POINTER | _QUESTION_OFFSET)
_IN: Final = 1


@dataclass(frozen=True, slots=True)
class Tail:
    """Counts of the header, without and with an OPT record behind the rest; and the records."""

    counts: bytes
    counts_with_edns: bytes
    records: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """All answers at one name: by type in wire form, and the one for every other type."""

    tails: Mapping[bytes, Tail]
    nodata: Tail


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledZone:
    """A zone's nodes by name, and what follows the owner name of the SOA of an NXDOMAIN."""

    apex: bytes
    nodes: Mapping[bytes, Node]
    negative_soa: bytes

    def build_nxdomain(self, qname: bytes) -> Tail:
        """The tail for a name in this zone that is not there. ``qname`` is in wire form."""
        return _tail(authority=_pointer_to(self.apex, qname) + self.negative_soa)


def compile_zone(contents: Contents) -> CompiledZone:
    """Make every answer of a zone."""
    nodes = {name: _compile_owner(name, owner, contents) for name, owner in contents.owners.items()}
    negative = _record(SOA, contents.negative_ttl, contents.soa)
    return CompiledZone(apex=contents.apex, nodes=nodes, negative_soa=negative)


class Answers:
    """The answers of all zones. One zone is put in, replaced or taken out as a whole.

    Zones may lie in one another: a name belongs to the deepest one.
    """

    def __init__(self) -> None:
        self.nodes: dict[bytes, Node] = {}
        self._zones: dict[bytes, CompiledZone] = {}

    def put(self, zone: CompiledZone) -> None:
        """Answer ``zone`` from now on, instead of an earlier one with the same apex."""
        self.remove(zone.apex)
        self._zones[zone.apex] = zone
        for apex in _suffixes(zone.apex):
            self._place(apex)

    def remove(self, apex: bytes) -> None:
        """Refuse the zone's names from now on, unless a zone above has them."""
        zone = self._zones.get(apex)
        if zone is None:
            return
        self._withdraw(apex)
        del self._zones[apex]
        for above in _suffixes(apex):
            self._place(above)

    def find_zone(self, qname: bytes) -> CompiledZone | None:
        """The deepest zone that a name (lower-case wire form) is in; None: not ours."""
        for suffix in _suffixes(qname):
            zone = self._zones.get(suffix)
            if zone is not None:
                return zone
        return None

    def _place(self, apex: bytes) -> None:
        """Show those nodes of the zone that no deeper zone has; hide the others."""
        self._withdraw(apex)
        zone = self._zones.get(apex)
        for name, node in zone.nodes.items() if zone else ():
            if self.find_zone(name) is zone:
                self.nodes[name] = node

    def _withdraw(self, apex: bytes) -> None:
        zone = self._zones.get(apex)
        for name, node in zone.nodes.items() if zone else ():
            if self.nodes.get(name) is node:
                del self.nodes[name]


def _compile_owner(name: bytes, owner: Owner, contents: Contents) -> Node:
    tails = {
        rdtype.to_bytes(2, "big"): _answer(rdtype, rrset) for rdtype, rrset in owner.rrsets.items()
    }
    soa = _record(SOA, owner.negative_ttl, contents.soa)
    nodata = _tail(authority=_pointer_to(contents.apex, name) + soa)
    # RFC 8482 §4.1: one RRset is a complete answer to ANY.
    tails[ANY] = next(iter(tails.values()), nodata)
    return Node(tails=tails, nodata=nodata)


def _answer(rdtype: int, rrset: Rrset) -> Tail:
    records = (_AT_QUESTION + _record(rdtype, rrset.ttl, rdata) for rdata in rrset.rdatas)
    return _tail(answer=b"".join(records), answers=len(rrset.rdatas))


def _tail(*, answer: bytes = b"", answers: int = 0, authority: bytes = b"") -> Tail:
    authorities = 1 if authority else 0
    counts = struct.pack(">HHHH", 1, answers, authorities, 0)
    with_edns = struct.pack(">HHHH", 1, answers, authorities, 1)
    return Tail(counts, with_edns, answer + authority)


def _record(rdtype: int, ttl: int, rdata: bytes) -> bytes:
    """A record without its owner name (RFC 1035 §3.2.1)."""
    return struct.pack(">HHIH", rdtype, _IN, ttl, len(rdata)) + rdata


def _pointer_to(apex: bytes, qname: bytes) -> bytes:
    """A pointer to the apex inside the question, of whose name it is the end."""
    return struct.pack(">H", _POINTER | (_QUESTION_OFFSET + len(qname) - len(apex)))


def _suffixes(name: bytes) -> Iterator[bytes]:
    """The name and its ancestors, deepest first, without the root. ``name`` is well formed."""
    at = 0
    while name[at]:
        yield name[at:]
        at += 1 + name[at]
