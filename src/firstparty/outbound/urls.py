"""An https address as a user writes it, taken apart for a request."""

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from firstparty.outbound.addresses import parse_host

_HTTPS_PORT: Final = 443
_MAX_LENGTH: Final = 2_000


class HttpsUrl(NamedTuple):
    """Where, and what to ask for there: path and query."""

    host: str
    port: int
    target: str


def parse_https(text: str) -> HttpsUrl:
    """The parts of an address; raises ValueError, with the reason, for what is none of https."""
    if len(text) > _MAX_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("it has characters that no address has, or too many")
    url = urlsplit(text)
    if url.scheme != "https":
        raise ValueError("it does not begin with https://")
    if url.username or url.password:
        raise ValueError("it has a user name in it")
    host = str(parse_host(url.hostname or ""))
    query = f"?{url.query}" if url.query else ""
    return HttpsUrl(host, url.port or _HTTPS_PORT, f"{url.path or '/'}{query}")
