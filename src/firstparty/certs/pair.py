"""Whether a chain and a private key may be served: the CA is an untrusted input.

Never stored, and so never served, unless the key is the leaf's, the names are exactly those that
were asked for, the dates include now and each certificate was signed by the next. An edge looks at
the leaf once more before it gives a pair to Envoy, where one that is wrong makes handshakes hang.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from firstparty.certs.keys import load_private_key

_MAX_CHAIN_CHARACTERS: Final = 100_000
_MAX_CERTIFICATES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodPair:
    """A pair that may be served, and when."""

    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPair:
    """A pair that may not be served; ``reason`` completes "the certificate …"."""

    reason: str


def check_pair(
    chain: str, key_pem: bytes, *, names: Iterable[str], now: datetime, is_exact: bool = True
) -> GoodPair | BadPair:
    """Judge a PEM chain, leaf first, and its private key, which ``load_private_key`` must take.

    Its names must be exactly ``names``, or, not ``is_exact``, cover them, by wildcards too: a pair
    that somebody else ordered.
    """
    if len(chain) > _MAX_CHAIN_CHARACTERS:
        return BadPair(reason=f"has a chain of {len(chain)} characters")
    try:
        certificates = x509.load_pem_x509_certificates(chain.encode())
    except ValueError:
        return BadPair(reason="is not PEM")
    if len(certificates) > _MAX_CERTIFICATES:
        return BadPair(reason=f"has a chain of {len(certificates)} certificates")
    leaf = certificates[0]
    try:
        reason = (
            _key_fault(leaf, key_pem)
            or _names_fault(leaf, frozenset(names), is_exact=is_exact)
            or _purpose_fault(leaf)
            or _dates_fault(certificates, now)
            or _chain_fault(certificates)
        )
    except ValueError as error:  # an extension that does not parse
        reason = f"is malformed: {error}"
    if reason:
        return BadPair(reason=reason)
    return GoodPair(not_before=leaf.not_valid_before_utc, not_after=leaf.not_valid_after_utc)


def find_leaf_fault(chain: bytes, key_pem: bytes, *, host: str, now: datetime) -> str | None:
    """Why a PEM chain, leaf first, and its key cannot serve ``host`` now; completes "the pair …".

    None: they can. Its issuers were looked at when it was stored; what follows the leaf now keeps
    no visitor away.
    """
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
        return (
            _key_fault(leaf, key_pem)
            or _names_fault(leaf, frozenset({host}), is_exact=False)
            or _dates_fault((leaf,), now)
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "cannot be read"  # the error's own text may quote what it could not read


def _key_fault(leaf: x509.Certificate, key_pem: bytes) -> str | None:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ours = load_private_key(key_pem).public_key().public_bytes(*form)
    return None if leaf.public_key().public_bytes(*form) == ours else "is for another key"


def _names_fault(leaf: x509.Certificate, names: frozenset[str], *, is_exact: bool) -> str | None:
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "has no names"
    found = extension.get_values_for_type(x509.DNSName)
    if frozenset(found) == names and len(extension) == len(found):
        return None
    if not is_exact and all(_covers(found, name) for name in names):
        return None
    return f"is for {', '.join(sorted(found)) or 'no host'} and not for {', '.join(sorted(names))}"


def _covers(found: Sequence[str], name: str) -> bool:
    """RFC 9525 §6.3: the name itself, or a wildcard for its first label."""
    return any(one.lower() in {name, f"*.{name.partition('.')[2]}"} for one in found)


def _purpose_fault(leaf: x509.Certificate) -> str | None:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    is_for_servers = ExtendedKeyUsageOID.SERVER_AUTH in usage
    return None if is_for_servers else "is not for TLS servers"


def _dates_fault(certificates: Sequence[x509.Certificate], now: datetime) -> str | None:
    for certificate in certificates:
        if now < certificate.not_valid_before_utc:
            return f"is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        if now >= certificate.not_valid_after_utc:
            return f"is not valid after {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return None


def _chain_fault(certificates: Sequence[x509.Certificate]) -> str | None:
    for lower, upper in pairwise(certificates):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature):
            return "has a chain that does not build"
        if not _is_authority(upper):
            return "has a chain with an issuer that is no CA"
    return None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
