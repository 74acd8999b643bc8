"""DNSKEY and DS records: what a parent says of the key that a zone is signed with (pure).

A zone has one key (flags 257: it signs everything), ECDSA P-256 (RFC 6605).
"""

import hashlib
import struct
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from firstparty.model.findings import DnsRecord

ALGORITHM: Final = 13  # ECDSAP256SHA256: RFC 8624 §3.1 wants it
SHA256: Final = 2
# Signed again each week, so that what is in front lives a fortnight without the control plane.
SIGNATURES_LAST: Final = timedelta(days=21)
SIGN_AGAIN_BEFORE: Final = timedelta(days=14)
_FLAGS: Final = 257  # zone key, secure entry point: RFC 4034 §2.1.1
_PROTOCOL: Final = 3
# RFC 4034 §5.1.3, RFC 4509, RFC 6605: digest types that a parent may use.
_DIGESTS: Final[Mapping[int, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        1: lambda octets: hashlib.sha1(octets, usedforsecurity=False).digest(),
        SHA256: lambda octets: hashlib.sha256(octets).digest(),
        4: lambda octets: hashlib.sha384(octets).digest(),
    }
)


def build_dnskey(public: bytes) -> bytes:
    """The DNSKEY rdata of a public key: x and y, 64 octets (RFC 6605 §4)."""
    return struct.pack(">HBB", _FLAGS, _PROTOCOL, ALGORITHM) + public


def key_tag(dnskey: bytes) -> int:
    """RFC 4034 appendix B."""
    total = sum(octet << 8 if at % 2 == 0 else octet for at, octet in enumerate(dnskey))
    return (total + (total >> 16)) & 0xFFFF


def build_ds(apex: bytes, dnskey: bytes, digest_type: int = SHA256) -> bytes:
    """The DS rdata for a key; ``apex`` is in lower-case wire form (RFC 4034 §5.1.4)."""
    digest = _DIGESTS[digest_type](apex + dnskey)
    return struct.pack(">HBB", key_tag(dnskey), ALGORITHM, digest_type) + digest


def ds_texts(name: str, dnskey: bytes) -> tuple[str, ...]:
    """Every DS that means this key, as text in lower case; that with SHA-256 is the first."""
    apex = b"".join(
        bytes((len(label),)) + label for label in name.lower().rstrip(".").encode().split(b".")
    )
    found = {kind: build_ds(apex + b"\x00", dnskey, kind) for kind in (SHA256, *_DIGESTS)}
    return tuple(
        f"{key_tag(dnskey)} {ALGORITHM} {kind} {ds[4:].hex()}" for kind, ds in found.items()
    )


def build_ds_record(name: str, dnskey: bytes) -> DnsRecord:
    """The DS record that the owner may add beside the NS records."""
    return DnsRecord(name=f"{name}.", type="DS", value=ds_texts(name, dnskey)[0])
