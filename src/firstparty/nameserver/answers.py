"""From records to what goes on the wire (pure): compiled once a zone, looked up for each query.

An answer is the query's id, flags, counts, the question as it was asked (its letter case
survives) and a *tail*: the records. Every owner name in a tail is a pointer into the question,
so tails do not depend on the query, and making one never involves a DNS library.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple

from firstparty.nameserver.denial import Denial
from firstparty.zones.contents import Contents, Owner, RecordType, Rrset
from firstparty.zones.names import ancestors

IXFR: Final = b"\x00\xfb"
AXFR: Final = b"\x00\xfc"
ANY: Final = b"\x00\xff"
RRSIG: Final = b"\x00\x2e"
_QUESTION_OFFSET: Final = 12  # right behind the header
_POINTER: Final = 0xC000  # RFC 1035 §4.1.4
# By how far into the question they point.
_POINTERS: Final = [struct.pack(">H", _POINTER | _QUESTION_OFFSET + at) for at in range(256)]
_AT_QUESTION: Final = _POINTERS[0]
_ONE_AUTHORITY: Final = struct.pack(">4H", 1, 0, 1, 0)
_ONE_AUTHORITY_AND_OPT: Final = struct.pack(">4H", 1, 0, 1, 1)
_IN: Final = 1


class Tail(NamedTuple):
    """Counts of the header, without and with an OPT record behind the rest; and the records."""

    counts: bytes
    counts_with_edns: bytes
    records: bytes


class Node(NamedTuple):
    """All answers at one name: by type in wire form; how long another type's absence is kept.

    ``signed`` are those for who asks for signatures; without any they are the same.
    """

    tails: Mapping[bytes, Tail]
    signed: Mapping[bytes, Tail]
    negative_ttl: int


class Entry(NamedTuple):
    """What a name is answered with: its tails by type, and the one for every other type.

    Then the same with signatures.
    """

    tails: Mapping[bytes, Tail]
    nodata: Tail
    signed: Mapping[bytes, Tail]
    signed_nodata: Tail


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledZone:
    """A zone's nodes by name in wire form. ``denial``: it is signed."""

    apex: bytes
    nodes: Mapping[bytes, Node]
    soa: Rrset
    negative_ttl: int
    denial: Denial | None = None

    def find(self, qname: bytes) -> Entry | None:
        """What is at a name of this zone; None: there is no such name."""
        node = self.nodes.get(qname)
        if node is None:
            return None
        nodata = signed_nodata = self._build_negative(qname, node.negative_ttl)
        if self.denial is not None:
            proof = self.denial.deny_type(qname)
            signed_nodata = self._build_signed_negative(qname, node.negative_ttl, proof)
        return Entry(node.tails, nodata, node.signed, signed_nodata)

    def build_nxdomain(self, qname: bytes, *, is_signed: bool) -> Tail:
        """The tail for a name of this zone that is not there."""
        if is_signed and self.denial is not None:
            proofs = self.denial.deny_name(qname)
            return self._build_signed_negative(qname, self.negative_ttl, *proofs)
        return self._build_negative(qname, self.negative_ttl)

    def _build_negative(self, qname: bytes, ttl: int) -> Tail:
        """The SOA. Its owner is a pointer to the apex inside the question, which ends with it.

        RFC 2308 §3: the TTL is how long the absence may be remembered.
        """
        pointer = self._point_to_apex(qname)
        records = pointer + _build_soa(self.soa.rdatas[0], ttl)
        return Tail(_ONE_AUTHORITY, _ONE_AUTHORITY_AND_OPT, records)

    def _build_signed_negative(self, qname: bytes, ttl: int, *proofs: tuple[bytes, Rrset]) -> Tail:
        """The SOA, and NSEC records that show what is not there, each with its signature."""
        pointer = self._point_to_apex(qname)
        sets = [(pointer, RecordType.SOA, replace(self.soa, ttl=ttl))]
        for owner, nsec in proofs:
            start = owner[: -len(self.apex)] + pointer
            sets.append((start, RecordType.NSEC, replace(nsec, ttl=min(ttl, nsec.ttl))))
        count = sum(len(rrset.rdatas) + len(rrset.signatures) for _, _, rrset in sets)
        records = b"".join(_build_set(*one, is_signed=True) for one in sets)
        return Tail(struct.pack(">4H", 1, 0, count, 0), struct.pack(">4H", 1, 0, count, 1), records)

    def _point_to_apex(self, qname: bytes) -> bytes:
        return _POINTERS[len(qname) - len(self.apex)]


def compile_zone(contents: Contents) -> CompiledZone:
    """Make every answer of a zone."""
    soa = contents.owners[contents.apex].rrsets[RecordType.SOA]
    return CompiledZone(
        apex=contents.apex,
        nodes={name: compile_owner(owner) for name, owner in contents.owners.items()},
        soa=soa,
        negative_ttl=contents.negative_ttl,
        denial=Denial(contents.owners) if soa.signatures else None,
    )


def compile_owner(owner: Owner) -> Node:
    """The answers at one name; they do not depend on which name it is."""
    sets = owner.rrsets
    tails = {rdtype.to_bytes(2, "big"): _answer(rdtype, sets[rdtype]) for rdtype in sets}
    if not tails:
        return Node(tails, tails, owner.negative_ttl)
    # RFC 8482 §4.1: one RRset is a complete answer to ANY.
    tails[ANY] = next(iter(tails.values()))
    first = next(iter(sets.values()))
    if not first.signatures:
        return Node(tails, tails, owner.negative_ttl)
    tails[RRSIG] = _answer(RecordType.RRSIG, Rrset(ttl=first.ttl, rdatas=first.signatures))
    signed = {rdtype.to_bytes(2, "big"): _answer_signed(rdtype, sets[rdtype]) for rdtype in sets}
    signed[ANY], signed[RRSIG] = next(iter(signed.values())), tails[RRSIG]
    return Node(tails, signed, owner.negative_ttl)


@lru_cache(maxsize=1024)
def _answer(rdtype: int, rrset: Rrset) -> Tail:
    """One tail for all names with the same records: nearly all hosts have the same addresses."""
    count = len(rrset.rdatas)
    records = _build_set(_AT_QUESTION, rdtype, rrset, is_signed=False)
    return Tail(struct.pack(">4H", 1, count, 0, 0), struct.pack(">4H", 1, count, 0, 1), records)


def _answer_signed(rdtype: int, rrset: Rrset) -> Tail:
    """With the signatures, which are of one name alone."""
    count = len(rrset.rdatas) + len(rrset.signatures)
    records = _build_set(_AT_QUESTION, rdtype, rrset, is_signed=True)
    return Tail(struct.pack(">4H", 1, count, 0, 0), struct.pack(">4H", 1, count, 0, 1), records)


def _build_set(owner: bytes, rdtype: int, rrset: Rrset, *, is_signed: bool) -> bytes:
    """The records of one set; ``owner`` as it is written in front of each."""
    typed = [(rdtype, rdata) for rdata in rrset.rdatas]
    if is_signed:
        typed += [(RecordType.RRSIG, signature) for signature in rrset.signatures]
    return b"".join(
        owner + struct.pack(">HHIH", kind, _IN, rrset.ttl, len(rdata)) + rdata
        for kind, rdata in typed
    )


@lru_cache(maxsize=4096)
def _build_soa(soa: bytes, ttl: int) -> bytes:
    """A SOA record without its owner."""
    return struct.pack(">HHIH", RecordType.SOA, _IN, ttl, len(soa)) + soa


# Compiles a zone when it is first asked for; None: it turned out to be bad.
CompileLater = Callable[[], CompiledZone | None]


class Answers:
    """The answers of all zones. One zone is put in, replaced or taken out as a whole.

    Zones may lie in one another: a name belongs to the deepest one. ``index`` is for the quick
    path: what has been asked for before, by lower-case name in wire form. Only names that exist
    come into it, so that asking for nonsense does not make it grow.
    """

    def __init__(self) -> None:
        self.index: dict[bytes, Entry] = {}
        self._zones: dict[bytes, CompiledZone | CompileLater] = {}
        self._indexed: dict[bytes, list[bytes]] = {}  # apex to its names in the index

    def put(self, zone: CompiledZone) -> None:
        """Answer ``zone`` from now on, instead of an earlier one with the same apex."""
        self._forget_around(zone.apex)
        self._zones[zone.apex] = zone

    def put_later(self, apex: bytes, compile_it: CompileLater) -> None:
        """The same, with a zone that is compiled when it is first asked for."""
        self._forget_around(apex)
        self._zones[apex] = compile_it

    def remove(self, apex: bytes) -> None:
        """Refuse the zone's names from now on, unless a zone above has them."""
        if self._zones.pop(apex, None) is not None:
            self._forget(apex)

    def find(self, qname: bytes) -> Entry | CompiledZone | None:
        """What is at a name (lower-case wire form); else the zone without it; None: not ours."""
        zone = self.find_zone(qname)
        if zone is None:
            return None
        entry = zone.find(qname)
        if entry is None:
            return zone
        self.index[qname] = entry
        self._indexed.setdefault(zone.apex, []).append(qname)
        return entry

    def find_zone(self, qname: bytes) -> CompiledZone | None:
        """The deepest zone that a name (lower-case wire form) is in; None: not ours."""
        zones, at = self._zones, 0
        while qname[at]:
            name = qname[at:]
            zone = zones.get(name)
            if isinstance(zone, CompiledZone):
                return zone
            if zone is not None and (compiled := self._compile(name, zone)) is not None:
                return compiled
            at += 1 + qname[at]
        return None

    def _compile(self, apex: bytes, compile_it: CompileLater) -> CompiledZone | None:
        zone = compile_it()
        if zone is None:
            del self._zones[apex]
        else:
            self._zones[apex] = zone
        return zone

    def _forget_around(self, apex: bytes) -> None:
        """Take the names of this zone, and of those that it lies in, out of the index."""
        for above in ancestors(apex):
            if above in self._indexed:
                self._forget(above)

    def _forget(self, apex: bytes) -> None:
        for name in self._indexed.pop(apex, ()):
            self.index.pop(name, None)
