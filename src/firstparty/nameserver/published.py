"""What secondaries may have: every zone, the catalog of them, and what changed in each lately.

The catalog zone (RFC 9432) is ``catalog.`` of the service domain. It is there for transfers alone
and answered to nobody else.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from firstparty.nameserver.answers import Answers, CompiledZone, Node, compile_owner, compile_zone
from firstparty.nameserver.history import History, compare, serial_of
from firstparty.zones.contents import Contents, Owner, RecordType, Rrset, build_soa
from firstparty.zones.names import parse_name

_CATALOG_TTL: Final = 0  # nobody looks it up
_VERSION: Final = b"\x012"
_NOBODY: Final = b"\x07invalid\x00"  # RFC 9432 §4.1: its NS record means nothing
_LABEL_OCTETS: Final = 16

Changed = Callable[[set[bytes]], None]


class Published:
    """Told of every change by ``Zones``; ``on_change`` gets the apexes, in wire form."""

    def __init__(self, answers: Answers, service_domain: str) -> None:
        self.on_change: Changed = lambda _: None
        self.history = History()
        self._answers = answers
        self._service_domain = service_domain
        self.catalog_apex = parse_name(f"catalog.{service_domain}")
        self._members: dict[bytes, bytes] = {}  # apex to the owner name of its PTR record
        self._nodes: dict[bytes, Node] = {}
        self._before: dict[bytes, Node | None] = {}  # what changed in the catalog, as it was
        self._catalog = self._build_catalog(0)
        self._changed: set[bytes] = set()

    def find(self, apex: bytes) -> CompiledZone | None:
        """The zone, or the catalog, with exactly this apex."""
        if apex == self.catalog_apex:
            return self._catalog
        zone = self._answers.find_zone(apex)
        return zone if zone is not None and zone.apex == apex else None

    def note(
        self,
        apex: bytes,
        old: CompiledZone | None,
        new: CompiledZone | None,
        *,
        names: Mapping[bytes, Node | None] | None = None,
    ) -> None:
        """A zone came, changed or went (None).

        ``names`` are those that may have changed, as they were; without it, all are looked at.
        """
        if new is None:
            self.history.forget(apex)
            owner = self._members.pop(apex, None)
            if owner is not None:
                self._before.setdefault(owner, self._nodes.pop(owner))
            return
        self._changed.add(apex)
        self.note_later(apex)
        if old is None or serial_of(old) == serial_of(new):
            self.history.forget(apex)
            return
        if names is None:
            names = dict(old.nodes)
            names |= dict.fromkeys(new.nodes.keys() - old.nodes.keys())
        self.history.add(apex, compare(old, new, names))

    def note_later(self, apex: bytes) -> None:
        """A zone is there that nobody has looked at yet."""
        if apex not in self._members:
            owner = self._members[apex] = self._member_name(apex)
            self._before.setdefault(owner, self._nodes.get(owner))
            self._nodes[owner] = compile_owner(_owner({RecordType.PTR: apex}))

    def finish(self, serial: int) -> None:
        """All that belongs together was noted; ``serial`` is the catalog's if that changed."""
        if self._before:
            old = self._catalog
            self._before[self.catalog_apex] = self._nodes[self.catalog_apex]
            self._catalog = self._build_catalog(serial)
            self.history.add(self.catalog_apex, compare(old, self._catalog, self._before))
            self._before = {}
            self._changed.add(self.catalog_apex)
        changed, self._changed = self._changed, set()
        if changed:
            self.on_change(changed)

    def _member_name(self, apex: bytes) -> bytes:
        label = hashlib.blake2s(apex, digest_size=_LABEL_OCTETS).hexdigest().encode()
        return bytes((len(label),)) + label + b"\x05zones" + self.catalog_apex

    def _build_catalog(self, serial: int) -> CompiledZone:
        """RFC 9432 §4: version, and a PTR record for each member zone."""
        soa = build_soa(_NOBODY, self._service_domain, serial)
        owners = {
            self.catalog_apex: _owner({RecordType.SOA: soa, RecordType.NS: _NOBODY}),
            b"\x07version" + self.catalog_apex: _owner({RecordType.TXT: _VERSION}),
            b"\x05zones" + self.catalog_apex: _owner({}),
        }
        zone = compile_zone(Contents(apex=self.catalog_apex, soa=soa, owners=owners))
        self._nodes |= zone.nodes
        return CompiledZone(
            apex=zone.apex, nodes=self._nodes, soa=zone.soa, negative_ttl=zone.negative_ttl
        )


def _owner(records: Mapping[int, bytes]) -> Owner:
    return Owner(
        rrsets={
            rdtype: Rrset(ttl=_CATALOG_TTL, rdatas=(rdata,)) for rdtype, rdata in records.items()
        }
    )
