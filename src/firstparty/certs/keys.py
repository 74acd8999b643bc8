"""Private keys and certificate signing requests. ECDSA P-256, a new key for each certificate."""

from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


def new_private_key() -> bytes:
    """A fresh P-256 private key: PKCS #8, PEM, not encrypted; seal it before it is stored."""
    return dump_private_key(ec.generate_private_key(ec.SECP256R1()))


def dump_private_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as PEM (PKCS #8, not encrypted)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The key of a PEM that ``dump_private_key`` wrote; raises ValueError for another kind."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an ECDSA private key")  # noqa: TRY004 - one error for a bad PEM
    return key


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
