"""A certificate authority for one test: a root, an intermediate, and leaves of any kind."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


class ThrowawayCa:
    """Its leaves are for localhost and 127.0.0.1, unless another name is given."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = _issue("Test root", None, is_ca=True)
        self._intermediate = _issue("Test intermediate", self._root, is_ca=True)
        self.file = folder / "ca.pem"
        self.pem = _pem(self._root[0])
        self.file.write_text(self.pem)

    def leaf(
        self,
        *,
        name: str = "localhost",
        days: float = 60,
        age_days: float = 100,
        with_chain: bool = True,
        is_self_signed: bool = False,
    ) -> Path:
        """A file with key, leaf and (``with_chain``) the intermediate."""
        issuer = None if is_self_signed else self._intermediate
        certificate, key = _issue(name, issuer, is_ca=False, days=days, age_days=age_days)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        chain = _pem(self._intermediate[0]) if with_chain else ""
        file = self._folder / f"{name}-{days}-{with_chain}-{is_self_signed}.pem"
        file.write_text(private + _pem(certificate) + chain)
        return file

    def context(self, file: Path) -> ssl.SSLContext:
        """A server's TLS with this leaf."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _issue(
    name: str, issuer: Pair | None, *, is_ca: bool, days: float = 90, age_days: float = 100
) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signer = key if issuer is None else issuer[1]
    names: list[x509.GeneralName] = [x509.DNSName(name.replace(" ", "-"))]
    if name == "localhost":
        names.append(x509.IPAddress(ip_address("127.0.0.1")))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=age_days))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return certificate, key


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
