"""When to renew: what the CA advises (ARI, RFC 9773), within bounds of our own. Pure.

The advice is an untrusted input too. A window in the past means now; one that makes no sense, or
comes too late, never keeps a certificate from being renewed in time; one that is always in the past
does not make us order for ever.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509

ASK_AGAIN: Final = timedelta(hours=6)  # RFC 9773 §4.3.3: after an answer that makes no sense
SOON: Final = timedelta(hours=1)  # after one that may be better later
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=1)  # §4.3.2 asks for bounds of our own
_MAX_URL: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The window in which the CA wants the certificate renewed, and when to ask it again."""

    start: datetime
    end: datetime
    again: timedelta
    explanation_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAdvice:
    """The CA has none, or none that can be used; ask again after this."""

    reason: str
    again: timedelta


def certificate_id(leaf: x509.Certificate) -> str | None:
    """The id by which a CA knows this certificate (RFC 9773 §4.1); None: it has no key identifier.

    The serial is in DER, with its leading zero where it has one; no padding.
    """
    try:
        authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    if authority.key_identifier is None:
        return None
    serial = leaf.serial_number
    octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    return f"{_encode(authority.key_identifier)}.{_encode(octets)}"


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def read_advice(document: Any, *, retry_after: timedelta | None) -> Advice | NoAdvice:
    """What a renewalInfo document says; it comes from outside and may be anything."""
    if not isinstance(document, Mapping):
        return NoAdvice(reason="it is no object", again=ASK_AGAIN)
    window = document.get("suggestedWindow")
    start, end = (
        _read_time(window.get(name)) if isinstance(window, Mapping) else None
        for name in ("start", "end")
    )
    if start is None or end is None:
        return NoAdvice(reason="it has no window", again=ASK_AGAIN)
    if end <= start:
        return NoAdvice(reason="its window ends before it starts", again=ASK_AGAIN)
    if retry_after is None:
        return NoAdvice(reason="it has no Retry-After", again=ASK_AGAIN)
    url = document.get("explanationURL")
    is_url = isinstance(url, str) and url.startswith("https://") and len(url) <= _MAX_URL
    return Advice(
        start=start,
        end=end,
        again=min(max(retry_after, _SHORTEST), _LONGEST),
        explanation_url=str(url) if is_url and str(url).isprintable() else "",
    )


def _read_time(text: object) -> datetime | None:
    """An RFC 3339 time, in UTC."""
    if not isinstance(text, str):
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return None if read.tzinfo is None else read.astimezone(UTC)
    except OverflowError:
        return None


def advised_time(advice: Advice, *, share: float) -> datetime:
    """A moment in the window.

    ``share``, from 0 up to 1, is the certificate's own: looking again does not draw again, and
    the certificates of one window are spread all over it.
    """
    return advice.start + (advice.end - advice.start) * share
