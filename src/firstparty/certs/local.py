"""The built-in local CA, for laptops and labs: issues at once, trusted by nobody by itself.

Its root is made once for each installation, so trusting one means trusting one machine. The
caller keeps the root (its key sealed); nothing here reads or writes a file.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firstparty.certs.keys import dump_private_key, load_private_key
from firstparty.certs.progress import (
    Issued,
    OrderProgress,
    Rejected,
    RevocationProgress,
    Revoked,
)
from firstparty.certs.renewal import NoAdvice
from firstparty.model.certificates import ChallengeMethod, RevocationReason

ROOT_NAME: Final = "Firstparty local CA, for this machine only"
ROOT_LIFETIME: Final = timedelta(days=3652)
LEAF_LIFETIME: Final = timedelta(days=90)
_CLOCK_SKEW: Final = timedelta(hours=1)  # a browser's clock may be behind ours
_URL: Final = "local"


def new_local_root(now: datetime) -> bytes:
    """A new root: its private key and its certificate, PEM, one after the other."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Firstparty"),
            x509.NameAttribute(NameOID.COMMON_NAME, ROOT_NAME),
        ]
    )
    certificate = (
        _builder(name, name, key.public_key(), now - _CLOCK_SKEW, now + ROOT_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return dump_private_key(key) + certificate.public_bytes(Encoding.PEM)


class LocalAuthority:
    """A certificate authority whose orders are issued as soon as they are begun."""

    name: Final = "local"

    def __init__(
        self,
        root: bytes,
        *,
        clock: Callable[[], datetime] | None = None,
        leaf_lifetime: timedelta = LEAF_LIFETIME,
    ) -> None:
        """``root`` is what ``new_local_root`` made."""
        self._leaf_lifetime = leaf_lifetime
        key = load_private_key(root)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # as new_local_root makes it
        self._key = key
        self._root = x509.load_pem_x509_certificate(root[root.index(b"-----BEGIN CERT") :])
        self._clock = clock or (lambda: datetime.now(UTC))

    @property
    def root_certificate(self) -> bytes:
        """The root's certificate, PEM: what clients must trust."""
        return self._root.public_bytes(Encoding.PEM)

    async def begin(
        self,
        names: Sequence[str],
        csr: bytes,
        *,
        method: ChallengeMethod = ChallengeMethod.DNS,
        replaces: str = "",
    ) -> OrderProgress:
        """Issue a certificate for ``names`` and the key of the request, PEM."""
        del method, replaces  # nothing is validated, and it advises nothing
        request = x509.load_pem_x509_csr(csr)
        if not request.is_signature_valid:
            return Rejected(problem="badCSR", detail="The request is not signed by its own key.")
        chain = self._issue(names, request).public_bytes(Encoding.PEM).decode()
        return Issued(url=_URL, chain=chain)

    async def answer(
        self, url: str, *, method: ChallengeMethod = ChallengeMethod.DNS
    ) -> OrderProgress:
        """There are no challenges to answer: an order that waits for that is another CA's."""
        del method
        return Rejected(problem="orderUnknown", detail=f"The local CA has no order {url!r}.")

    async def advance(self, url: str, csr: bytes) -> OrderProgress:
        """There are no orders to look at: see ``answer``."""
        del csr
        return Rejected(problem="orderUnknown", detail=f"The local CA has no order {url!r}.")

    async def revoke(
        self, chain: str, reason: RevocationReason, *, key_pem: bytes | None
    ) -> RevocationProgress:
        """Nothing to do: whoever trusts this CA has no list of its to look at."""
        del chain, reason, key_pem
        return Revoked()

    async def fetch_advice(self, chain: str) -> NoAdvice:
        """None: it never needs one renewed early."""
        del chain
        return NoAdvice(reason="the local CA advises nothing", again=timedelta(days=30))

    def close(self) -> None:
        """It holds nothing open."""

    def _issue(
        self, names: Sequence[str], request: x509.CertificateSigningRequest
    ) -> x509.Certificate:
        now = self._clock()
        key = request.public_key()
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        not_after = min(now + self._leaf_lifetime, self._root.not_valid_after_utc)
        return (
            _builder(x509.Name([]), self._root.subject, key, now - _CLOCK_SKEW, not_after)
            # RFC 5280 §4.2.1.6: critical, since the subject is empty.
            .add_extension(alternative, critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: CertificatePublicKeyTypes,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
