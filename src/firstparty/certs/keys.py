"""Private keys and certificate signing requests: a new key for each certificate."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_RSA_BITS: Final = 2048  # CAs and Envoy want no less; more costs every handshake
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1)  # what CAs sign and browsers take


class KeyType(StrEnum):
    """What kind of key certificates have. The values are those of the setting."""

    ECDSA = "ecdsa"
    RSA = "rsa"


def new_private_key(kind: KeyType = KeyType.ECDSA) -> bytes:
    """A fresh P-256 (or 2048-bit RSA) key: PKCS #8, PEM, not encrypted; seal it before storing."""
    match kind:
        case KeyType.ECDSA:
            return dump_private_key(ec.generate_private_key(ec.SECP256R1()))
        case KeyType.RSA:
            return dump_private_key(rsa.generate_private_key(65537, _RSA_BITS))


def dump_private_key(key: PrivateKey) -> bytes:
    """The key as PEM (PKCS #8, not encrypted)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_private_key(pem: bytes) -> PrivateKey:
    """The key of a PEM without a passphrase; raises ValueError for one that may not be served."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as error:  # their text may quote what they read
        raise ValueError("the private key is encrypted, or of an unknown kind") from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return key
    raise ValueError("the private key is neither ECDSA P-256 or P-384 nor RSA of 2048 bits or more")


def build_csr(key_pem: bytes, names: Iterable[str]) -> bytes:
    """A signing request (RFC 2986), PEM, with ``names`` as its subject alternative names.

    The subject is empty: CAs ignore it, and a common name is limited to 64 octets.
    """
    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    request = builder.add_extension(alternative, critical=False).sign(
        load_private_key(key_pem), hashes.SHA256()
    )
    return request.public_bytes(Encoding.PEM)
