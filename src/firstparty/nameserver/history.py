"""Zones as lists of records, and what changed in them lately: what transfers are made of (pure)."""

import struct
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from firstparty.nameserver.answers import ANY, RRSIG, CompiledZone, Node
from firstparty.zones.contents import RecordType

_MAX_CHANGES: Final = 64  # of one zone; who is further behind gets the whole zone
_MAX_RECORDS: Final = 500_000  # of all zones
_POINTER_OCTETS: Final = 2
_FIXED_OCTETS: Final = 8  # type, class and TTL
_SERIAL: Final = slice(-20, -16)  # RFC 1035 §3.3.13, from the end of the rdata


def list_records(name: bytes, node: Node) -> Iterator[bytes]:
    """The records at a name with their signatures, as on the wire, without compression."""
    for rdtype, tail in node.signed.items():
        if rdtype in (ANY, RRSIG):  # answers to these repeat what is there under other types
            continue
        at, records = 0, tail.records
        while at < len(records):
            start = at + _POINTER_OCTETS
            size = start + _FIXED_OCTETS
            end = size + 2 + int.from_bytes(records[size : size + 2], "big")
            yield name + records[start:end]
            at = end


def soa_of(zone: CompiledZone) -> bytes:
    """The SOA record of a zone."""
    rdata = zone.soa.rdatas[0]
    return zone.apex + struct.pack(">HHIH", RecordType.SOA, 1, zone.soa.ttl, len(rdata)) + rdata


def serial_of(zone: CompiledZone) -> int:
    """The serial of a zone."""
    return int.from_bytes(zone.soa.rdatas[0][_SERIAL], "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From one version of a zone to the next: RFC 1995 §4. SOA records are not in the lists."""

    old_serial: int
    new_serial: int
    old_soa: bytes
    new_soa: bytes
    removed: tuple[bytes, ...]
    added: tuple[bytes, ...]


def compare(old: CompiledZone, new: CompiledZone, before: Mapping[bytes, Node | None]) -> Change:
    """What changed between two versions; ``before`` has the names in question as they were."""
    was = {one for name, node in before.items() if node for one in list_records(name, node)}
    now = {
        one for name in before if name in new.nodes for one in list_records(name, new.nodes[name])
    }
    old_soa, new_soa = soa_of(old), soa_of(new)
    return Change(
        old_serial=serial_of(old),
        new_serial=serial_of(new),
        old_soa=old_soa,
        new_soa=new_soa,
        removed=tuple(one for one in was - now if one != old_soa),
        added=tuple(one for one in now - was if one != new_soa),
    )


class History:
    """The latest changes of each zone, as far back as there is room for."""

    def __init__(self) -> None:
        self._changes: dict[bytes, deque[Change]] = {}
        self._count = 0

    def add(self, apex: bytes, change: Change) -> None:
        """The zone has changed once more."""
        changes = self._changes.setdefault(apex, deque())
        if changes and changes[-1].new_serial != change.old_serial:
            self.forget(apex)
            changes = self._changes.setdefault(apex, deque())
        changes.append(change)
        self._count += _size(change)
        if len(changes) > _MAX_CHANGES:
            self._count -= _size(changes.popleft())
        while self._count > _MAX_RECORDS and self._changes:
            self.forget(next(iter(self._changes)))

    def forget(self, apex: bytes) -> None:
        """The zone is gone, or has become another one."""
        self._count -= sum(map(_size, self._changes.pop(apex, ())))

    def since(self, apex: bytes, serial: int) -> list[Change] | None:
        """The changes that lead on from ``serial``, oldest first; None: it is too long ago."""
        newest_first = reversed(self._changes.get(apex, ()))
        later = list(takewhile(lambda one: one.new_serial != serial, newest_first))
        return later[::-1] if later and later[-1].old_serial == serial else None


def _size(change: Change) -> int:
    return len(change.removed) + len(change.added) + 2
