"""Signs a zone's records (RFC 4034, RFC 4035): pure, but for the randomness of ECDSA.

Whoever signs has the private key; what comes out needs none, and is answered as it is. What is not
there is denied by NSEC: the names of our zones are on every page of the site, so there is nothing
to hide by NSEC3, and nameservers without keys cannot make up records (docs/decisions).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from firstparty.model.dnssec import ALGORITHM, build_dnskey, build_ds, key_tag
from firstparty.zones.contents import NEGATIVE_TTL, NS_TTL, Contents, Owner, RecordType, Rrset
from firstparty.zones.names import canonical_key

_INTEGER_OCTETS: Final = 32
# Resolvers' clocks are not all right.
_BEFORE: Final = timedelta(hours=1)
_IN: Final = 1
_TYPES_IN_A_WINDOW: Final = 256
_OF_KEYS: Final = frozenset({RecordType.DNSKEY, RecordType.CDS, RecordType.CDNSKEY})
_ECDSA: Final = ec.ECDSA(hashes.SHA256())


def make_private_key() -> bytes:
    """A new key: 32 octets, to be sealed."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return number.to_bytes(_INTEGER_OCTETS, "big")


class ZoneSigner:
    """Signs with one private key."""

    def __init__(self, private: bytes) -> None:
        """``private`` is what ``make_private_key`` made."""
        self._key = ec.derive_private_key(int.from_bytes(private, "big"), ec.SECP256R1())
        point = self._key.public_key().public_numbers()
        public = b"".join(one.to_bytes(_INTEGER_OCTETS, "big") for one in (point.x, point.y))
        self.dnskey = build_dnskey(public)

    def sign(
        self,
        contents: Contents,
        *,
        beside: "ZoneSigner | None" = None,
        announced: "ZoneSigner | None" = None,
        now: datetime,
        until: datetime,
    ) -> Contents:
        """The zone with the key, CDS and CDNSKEY, NSEC records, and a signature on every set.

        While the key is replaced, ``beside`` is the other one: it is published too, and signs the
        keys and what tells the parent of them. ``announced`` (itself unless said) is the one of
        which the parent is told (RFC 7344 §4.1: signed by what its DS has now).
        """
        signers = (self,) if beside is None else (self, beside)
        owners = dict(contents.owners)
        owners[contents.apex] = _with_keys(contents, signers, announced or self)
        owners = _with_nsec(owners, negative_ttl=min(contents.negative_ttl, NEGATIVE_TTL))
        validity = (int(until.timestamp()), int((now - _BEFORE).timestamp()))
        signed = {
            name: replace(
                owner,
                rrsets={
                    rdtype: replace(
                        rrset,
                        signatures=tuple(
                            one.make_signature(name, rdtype, rrset, contents.apex, validity)
                            for one in (signers if rdtype in _OF_KEYS else (self,))
                        ),
                    )
                    for rdtype, rrset in owner.rrsets.items()
                },
            )
            for name, owner in owners.items()
        }
        return replace(contents, owners=signed)

    def make_signature(
        self, owner: bytes, rdtype: int, rrset: Rrset, apex: bytes, validity: tuple[int, int]
    ) -> bytes:
        """The RRSIG rdata of one set; ``validity`` is its end and its start (RFC 4034 §3.1.8.1)."""
        labels = len(canonical_key(owner))
        head = struct.pack(
            ">HBBIIIH", rdtype, ALGORITHM, labels, rrset.ttl, *validity, key_tag(self.dnskey)
        )
        start = owner + struct.pack(">HHI", rdtype, _IN, rrset.ttl)
        records = b"".join(
            start + struct.pack(">H", len(rdata)) + rdata for rdata in sorted(rrset.rdatas)
        )
        encoded = self._key.sign(head + apex + records, _ECDSA)
        integers = decode_dss_signature(encoded)
        return head + apex + b"".join(one.to_bytes(_INTEGER_OCTETS, "big") for one in integers)


def _with_keys(contents: Contents, signers: tuple[ZoneSigner, ...], announced: ZoneSigner) -> Owner:
    """The apex with DNSKEY, and what tells a parent that wants to know (RFC 7344)."""
    keys: dict[int, tuple[bytes, ...]] = {
        RecordType.DNSKEY: tuple(one.dnskey for one in signers),
        RecordType.CDS: (build_ds(contents.apex, announced.dnskey),),
        RecordType.CDNSKEY: (announced.dnskey,),
    }
    there = contents.owners[contents.apex]
    added = {rdtype: Rrset(ttl=NS_TTL, rdatas=rdatas) for rdtype, rdatas in keys.items()}
    return replace(there, rrsets={**there.rrsets, **added})


def _with_nsec(owners: Mapping[bytes, Owner], *, negative_ttl: int) -> dict[bytes, Owner]:
    """An NSEC record at every name that has records, leading to the next (RFC 4034 §4)."""
    names = sorted((name for name in owners if owners[name].rrsets), key=canonical_key)
    chained = dict(owners)
    for name, following in zip(names, (*names[1:], names[0]), strict=True):
        types = {*owners[name].rrsets, RecordType.NSEC, RecordType.RRSIG}
        nsec = Rrset(ttl=negative_ttl, rdatas=(following + b"".join(_bitmap(types)),))
        rrsets = {**owners[name].rrsets, RecordType.NSEC: nsec}
        chained[name] = replace(owners[name], rrsets=rrsets)
    return chained


def _bitmap(types: set[int]) -> Iterator[bytes]:
    """Which types are at a name, a window of 256 at a time (RFC 4034 §4.1.2)."""
    for window, members in groupby(sorted(types), key=lambda one: one // _TYPES_IN_A_WINDOW):
        numbers = [one % _TYPES_IN_A_WINDOW for one in members]
        octets = bytearray(numbers[-1] // 8 + 1)
        for number in numbers:
            octets[number // 8] |= 0x80 >> number % 8
        yield bytes((window, len(octets))) + bytes(octets)
