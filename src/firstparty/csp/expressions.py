"""Source expressions and the addresses they match (CSP3 §2.3.1 and §6.7.2)."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
# The safer one that a scheme in a policy stands for too.
_STANDS_FOR: Final = {"http": "https", "ws": "wss"}
_NETWORK_SCHEMES: Final = frozenset(_DEFAULT_PORTS)
_SCHEME_SOURCE: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_HOST_SOURCE: Final = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?"
    r"(?P<host>\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?)"
    r"(?::(?P<port>[0-9]+|\*))?(?P<path>/[^?#]*)?"
    r"(?:[?#].*)?",  # a query: Chromium warns, and leaves it out
    re.IGNORECASE,
)
_NONCE: Final = re.compile(r"'nonce-([A-Za-z0-9+/_-]+={0,2})'", re.IGNORECASE)
_HASH: Final = re.compile(r"'(sha(?:256|384|512))-([A-Za-z0-9+/_-]+={0,2})'", re.IGNORECASE)


def has_keyword(expressions: Iterable[str], keyword: str) -> bool:
    """Whether ``keyword``, with its quotes, is among the expressions."""
    return any(one.lower() == keyword for one in expressions)


def read_nonces(expressions: Iterable[str]) -> frozenset[str]:
    """The nonces that the expressions have."""
    return frozenset(found[1] for one in expressions if (found := _NONCE.fullmatch(one)))


def read_hashes(expressions: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Algorithm and digest (base64, the standard alphabet) of every hash there is."""
    return frozenset(
        (found[1].lower(), found[2].replace("-", "+").replace("_", "/"))
        for one in expressions
        if (found := _HASH.fullmatch(one))
    )


def matches_any(expressions: Iterable[str], url: str, page: str) -> bool:
    """Whether an address is on a source list; ``page`` is the page's own address."""
    return any(matches(one, urlsplit(url), urlsplit(page)) for one in expressions)


def matches(expression: str, url: SplitResult, page: SplitResult) -> bool:
    """Whether one expression names this address; nonces, hashes and unknown words name none."""
    if expression == "*":
        return url.scheme in _NETWORK_SCHEMES or _is_scheme(page.scheme, url.scheme)
    if expression.lower() == "'self'":
        return _is_self(url, page)
    if found := _SCHEME_SOURCE.fullmatch(expression):
        return _is_scheme(found[1].lower(), url.scheme)
    host = _HOST_SOURCE.fullmatch(expression)
    return host is not None and _is_host_source(host, url, page)


def _is_host_source(source: re.Match[str], url: SplitResult, page: SplitResult) -> bool:
    scheme = (source["scheme"] or page.scheme).lower()
    return (
        _is_scheme(scheme, url.scheme)
        and _is_host(source["host"].lower(), url.hostname or "")
        and _is_port(source["port"] or "", scheme, url)
        and _is_path(source["path"] or "", url.path)
    )


def _is_scheme(said: str, asked: str) -> bool:
    return asked in {said, _STANDS_FOR.get(said)}


def _is_host(said: str, asked: str) -> bool:
    if said == "*":
        return bool(asked)
    if said.startswith("*."):
        return asked.endswith(said[1:])
    return said == asked


def _is_port(said: str, scheme: str, url: SplitResult) -> bool:
    asked = url.port or _DEFAULT_PORTS.get(url.scheme)
    if said == "*":
        return True
    if not said:
        return asked == _DEFAULT_PORTS.get(url.scheme)
    # http://host:80 stands for https://host:443 too.
    upgraded = int(said) == _DEFAULT_PORTS["http"] and scheme != url.scheme
    return int(said) == asked or (upgraded and asked == _DEFAULT_PORTS["https"])


def _is_path(said: str, asked: str) -> bool:
    if not said or said == "/":
        return True
    if said.endswith("/"):
        return unquote(asked).startswith(unquote(said))
    return unquote(asked) == unquote(said)


def _is_self(url: SplitResult, page: SplitResult) -> bool:
    ports = [one.port or _DEFAULT_PORTS.get(one.scheme) for one in (url, page)]
    is_default = all(one.port in {None, _DEFAULT_PORTS.get(one.scheme)} for one in (url, page))
    return (
        url.hostname == page.hostname
        and _is_scheme(page.scheme, url.scheme)
        and (ports[0] == ports[1] or is_default)
    )
