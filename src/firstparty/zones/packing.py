"""A signed zone as it travels in the feed: every record in wire form, compressed (pure).

Whoever reads it answers exactly what was signed, and never derives a record by itself: a nameserver
of another version than the signer's would otherwise answer what the signatures do not fit.
"""

import zlib
from typing import Final

import msgspec

from firstparty.zones.contents import BadZone, Contents, Owner, Rrset

_MAX_BYTES: Final = 1_000_000


class _Set(msgspec.Struct, frozen=True, array_like=True):
    rdtype: int
    ttl: int
    rdatas: tuple[bytes, ...]
    signatures: tuple[bytes, ...]


class _Owner(msgspec.Struct, frozen=True, array_like=True):
    name: bytes
    negative_ttl: int
    sets: tuple[_Set, ...]


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    apex: bytes
    soa: bytes
    negative_ttl: int
    owners: tuple[_Owner, ...]


def pack_contents(contents: Contents) -> bytes:
    """A zone as bytes."""
    owners = tuple(
        _Owner(
            name,
            owner.negative_ttl,
            tuple(
                _Set(rdtype, rrset.ttl, rrset.rdatas, rrset.signatures)
                for rdtype, rrset in owner.rrsets.items()
            ),
        )
        for name, owner in contents.owners.items()
    )
    packed = _Packed(contents.apex, contents.soa, contents.negative_ttl, owners)
    return zlib.compress(msgspec.msgpack.encode(packed))


def unpack_contents(octets: bytes) -> Contents:
    """The zone that was packed; raises BadZone."""
    try:
        plain = zlib.decompressobj().decompress(octets, _MAX_BYTES)
        packed = msgspec.msgpack.decode(plain, type=_Packed)
    except (zlib.error, msgspec.DecodeError) as error:
        raise BadZone(f"a signed zone cannot be read: {error}") from error
    owners = {
        owner.name: Owner(
            rrsets={
                one.rdtype: Rrset(ttl=one.ttl, rdatas=one.rdatas, signatures=one.signatures)
                for one in owner.sets
            },
            negative_ttl=owner.negative_ttl,
        )
        for owner in packed.owners
    }
    return Contents(
        apex=packed.apex, soa=packed.soa, owners=owners, negative_ttl=packed.negative_ttl
    )
