"""CORS (Fetch standard) for the tracking API (pure): header lines that go on every answer.

The Origin is echoed, for ``*`` fails as soon as a page asks with credentials. Those are allowed to
pages of the domain's own registrable domain, and to those that its owner has listed.
``Retry-After`` is exposed, or browsers hide it.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

_MAX_CACHED: Final = 4_096
_MAX_ECHOED_BYTES: Final = 1_024
_ANY: Final = b"vary: Origin\r\n"
_METHODS: Final = b"POST, GET, OPTIONS"
# `*` would not cover Authorization, which every browser event has (Fetch standard).
_USUAL_HEADERS: Final = b"authorization, content-type, x-retry-count"
_HEADER_NAMES: Final = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+( *, *[!#$%&'*+.^_`|~0-9A-Za-z-]+)*"
)
_MAX_AGE_SECONDS: Final = 86_400


class CorsPolicy:
    """The CORS lines for one host; remembers those it has built."""

    def __init__(self, host: str, credential_origins: Iterable[str] = ()) -> None:
        """``host`` is the API host, an A-label name in lower case.

        ``credential_origins`` may ask with credentials too; they are as browsers write them.
        """
        self._registrable = registrable_domain(host)
        self._listed = frozenset(origin.encode() for origin in credential_origins)
        self._built: dict[bytes, bytes] = {b"": _ANY}

    def lines(self, origin: bytes) -> bytes:
        """The lines for an answer to this Origin; empty: the request had none."""
        lines = self._built.get(origin)
        if lines is None:
            lines = build_lines(origin, has_credentials=self.allows_credentials(origin))
            if len(self._built) >= _MAX_CACHED:
                self._built = {b"": _ANY}
            if len(origin) <= _MAX_ECHOED_BYTES:
                self._built[origin] = lines
        return lines

    def allows_credentials(self, origin: bytes) -> bool:
        """Whether a page of this origin may ask with the visitor's cookies."""
        if origin in self._listed:
            return True
        try:
            parts = urlsplit(origin.decode("ascii"))
            host = parts.hostname or ""
        except ValueError:  # not ASCII, or a bracket that is not closed
            return False
        if parts.scheme not in {"http", "https"} or self._registrable is None:
            return False
        return host == self._registrable or host.endswith("." + self._registrable)


def build_lines(origin: bytes, *, has_credentials: bool) -> bytes:
    """CORS lines of any answer but a preflight's."""
    if not origin or len(origin) > _MAX_ECHOED_BYTES:
        return _ANY
    return b"".join(
        (
            b"access-control-allow-origin: %s\r\n" % origin,
            b"access-control-allow-credentials: true\r\n" if has_credentials else b"",
            b"access-control-expose-headers: Retry-After\r\n",
            _ANY,
        )
    )


def build_preflight(requested: bytes) -> bytes:
    """The further lines of a preflight's answer; ``requested`` is what the browser wants to send.

    The requested header names are echoed where they are header names.
    """
    is_echoed = len(requested) <= _MAX_ECHOED_BYTES and _HEADER_NAMES.fullmatch(requested)
    return b"".join(
        (
            b"access-control-allow-methods: %s\r\n" % _METHODS,
            b"access-control-allow-headers: %s\r\n" % (requested if is_echoed else _USUAL_HEADERS),
            b"access-control-max-age: %d\r\n" % _MAX_AGE_SECONDS,
        )
    )


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def registrable_domain(host: str) -> str | None:
    """The registrable domain of a host (a public suffix has none)."""
    found: str | None = _public_suffixes().privatesuffix(host)
    return found
