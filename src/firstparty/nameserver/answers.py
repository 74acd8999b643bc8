"""From records to what goes on the wire (pure): compiled once a zone, looked up for each query.

An answer is the query's id, flags, counts, the question as it was asked (its letter case
survives) and a *tail*: the records. Every owner name in a tail is a pointer into the question,
so tails do not depend on the query, and making one never involves a DNS library.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from firstparty.nameserver.names import ancestors
from firstparty.nameserver.zone import Contents, Owner, RecordType, Rrset

ANY: Final = b"\x00\xff"
_QUESTION_OFFSET: Final = 12  # right behind the header
_POINTER: Final = 0xC000  # RFC 1035 §4.1.4
_AT_QUESTION: Final = struct.pack(">H", _POINTER | _QUESTION_OFFSET)
_IN: Final = 1


class Tail(NamedTuple):
    """Counts of the header, without and with an OPT record behind the rest; and the records."""

    counts: bytes
    counts_with_edns: bytes
    records: bytes


class Node(NamedTuple):
    """All answers at one name: by type in wire form; how long another type's absence is kept."""

    tails: Mapping[bytes, Tail]
    negative_ttl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledZone:
    """A zone's nodes by name in wire form."""

    apex: bytes
    nodes: Mapping[bytes, Node]
    soa: bytes
    negative_ttl: int

    def build_negative(self, qname: bytes, ttl: int) -> Tail:
        """The tail for a name in this zone, or a type at it, that is not there: the SOA.

        Its owner is a pointer to the apex inside the question, of whose name it is the end.
        RFC 2308 §3: the TTL is how long the absence may be remembered.
        """
        pointer = _POINTER | (_QUESTION_OFFSET + len(qname) - len(self.apex))
        return Tail(
            b"\x00\x01\x00\x00\x00\x01\x00\x00",
            b"\x00\x01\x00\x00\x00\x01\x00\x01",
            struct.pack(">HHHIH", pointer, RecordType.SOA, _IN, ttl, len(self.soa)) + self.soa,
        )


def compile_zone(contents: Contents) -> CompiledZone:
    """Make every answer of a zone."""
    return CompiledZone(
        apex=contents.apex,
        nodes={name: compile_owner(owner) for name, owner in contents.owners.items()},
        soa=contents.soa,
        negative_ttl=contents.negative_ttl,
    )


def compile_owner(owner: Owner) -> Node:
    """The answers at one name; they do not depend on which name it is."""
    tails = {
        rdtype.to_bytes(2, "big"): _answer(rdtype, rrset) for rdtype, rrset in owner.rrsets.items()
    }
    if tails:
        # RFC 8482 §4.1: one RRset is a complete answer to ANY.
        tails[ANY] = next(iter(tails.values()))
    return Node(tails, owner.negative_ttl)


@lru_cache(maxsize=1024)
def _answer(rdtype: int, rrset: Rrset) -> Tail:
    """One tail for all names with the same records: nearly all hosts have the same addresses."""
    records = b"".join(
        _AT_QUESTION + struct.pack(">HHIH", rdtype, _IN, rrset.ttl, len(rdata)) + rdata
        for rdata in rrset.rdatas
    )
    count = len(rrset.rdatas)
    return Tail(struct.pack(">4H", 1, count, 0, 0), struct.pack(">4H", 1, count, 0, 1), records)


class Answers:
    """The answers of all zones. One zone is put in, replaced or taken out as a whole.

    Zones may lie in one another: a name belongs to the deepest one. ``index`` is for the quick
    path: by lower-case name, the tails by type and the one for every other type; all in wire
    form. Zones put in as not ``quick`` are left out of it.
    """

    def __init__(self) -> None:
        self.index: dict[bytes, tuple[Mapping[bytes, Tail], Tail]] = {}
        self._zones: dict[bytes, CompiledZone] = {}
        self._quick: set[bytes] = set()

    def put(self, zone: CompiledZone, *, quick: bool = True) -> None:
        """Answer ``zone`` from now on, instead of an earlier one with the same apex."""
        self.remove(zone.apex)
        self._zones[zone.apex] = zone
        if quick:
            self._quick.add(zone.apex)
        self._place_around(zone.apex)

    def remove(self, apex: bytes) -> None:
        """Refuse the zone's names from now on, unless a zone above has them."""
        zone = self._zones.get(apex)
        if zone is None:
            return
        self._withdraw(zone)
        del self._zones[apex]
        self._quick.discard(apex)
        self._place_around(apex)

    def find_zone(self, qname: bytes) -> CompiledZone | None:
        """The deepest zone that a name (lower-case wire form) is in; None: not ours."""
        for name in ancestors(qname):
            zone = self._zones.get(name)
            if zone is not None:
                return zone
        return None

    def _place_around(self, apex: bytes) -> None:
        """Index anew the zone and those it lies in: the deepest zone has a name."""
        for above in ancestors(apex):
            zone = self._zones.get(above)
            if zone is None:
                continue
            self._withdraw(zone)
            for name, node in zone.nodes.items() if above in self._quick else ():
                if self.find_zone(name) is zone:
                    nodata = zone.build_negative(name, node.negative_ttl)
                    self.index[name] = (node.tails, nodata)

    def _withdraw(self, zone: CompiledZone) -> None:
        for name, node in zone.nodes.items() if zone.apex in self._quick else ():
            if name in self.index and self.index[name][0] is node.tails:
                del self.index[name]
