"""Which signed records show that something is not there (RFC 4035 §3.1.3), for NSEC (pure)."""

from bisect import bisect_right
from collections.abc import Mapping

from firstparty.zones.contents import Owner, RecordType, Rrset
from firstparty.zones.names import ancestors, canonical_key

_WILDCARD = b"\x01*"


class Denial:
    """The NSEC records of one zone, in the order of their names (RFC 4034 §6.1)."""

    def __init__(self, owners: Mapping[bytes, Owner]) -> None:
        """``owners`` are all names of the zone; those without records have no NSEC."""
        self._owners = owners
        self._names = sorted(
            (name for name, owner in owners.items() if RecordType.NSEC in owner.rrsets),
            key=canonical_key,
        )
        self._keys = [canonical_key(name) for name in self._names]

    def deny_type(self, name: bytes) -> tuple[bytes, Rrset]:
        """For a name that is there; one without records lies between two that have some."""
        owner = self._owners.get(name)
        if owner is not None and RecordType.NSEC in owner.rrsets:
            return name, owner.rrsets[RecordType.NSEC]
        return self._cover(name)

    def deny_name(self, name: bytes) -> tuple[tuple[bytes, Rrset], ...]:
        """For a name that is not there: neither it, nor a wildcard in its place."""
        closest = next(one for one in ancestors(name) if one in self._owners)
        proofs = (self._cover(name), self._cover(_WILDCARD + closest))
        return proofs[:1] if proofs[0] == proofs[1] else proofs

    def _cover(self, name: bytes) -> tuple[bytes, Rrset]:
        """The NSEC whose name is the last before ``name``; the apex is before all."""
        before = self._names[bisect_right(self._keys, canonical_key(name)) - 1]
        return before, self._owners[before].rrsets[RecordType.NSEC]
