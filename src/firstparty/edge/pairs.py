"""Whether a certificate and a private key may be given to Envoy for a host.

A pair that Envoy cannot use makes handshakes hang until they time out, so it is looked at here.
"""

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)


def check_pair(*, chain: bytes, key: bytes, host: str, now: datetime) -> str | None:
    """Why this pair cannot serve ``host`` at ``now``, in a few words; None when it can.

    ``chain`` is PEM, leaf first; ``key`` PEM without a passphrase.
    """
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
        private = load_pem_private_key(key, password=None)
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Their text is left out: it may quote what it could not read.
        return "certificate or key cannot be read"
    except x509.ExtensionNotFound:
        return "the certificate names no hosts"
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    has_key = leaf.public_key().public_bytes(*form) == private.public_key().public_bytes(*form)
    reasons = (
        (not has_key, "the key is not this certificate's"),
        (not _is_named(host, names), "the certificate does not name this host"),
        (now < leaf.not_valid_before_utc, f"not valid before {leaf.not_valid_before_utc}"),
        (now >= leaf.not_valid_after_utc, f"expired at {leaf.not_valid_after_utc}"),
    )
    return next((reason for applies, reason in reasons if applies), None)


def _is_named(host: str, names: list[str]) -> bool:
    """RFC 9525 §6.3: the name itself, or a wildcard for its first label."""
    wildcard = "*." + host.partition(".")[2]
    return any(name.lower() in {host, wildcard} for name in names)
