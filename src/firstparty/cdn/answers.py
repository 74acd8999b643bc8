"""An asset, or the lack of one, as an HTTP answer: encoding, validators, caching, CORS.

Every answer depends on host, path and Accept-Encoding alone, so that any cache in between may
keep it. No cookies, no redirects, nothing of the request in the answer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from firstparty.cdn.assets import Asset

# The text that client code in the field compares with.
NOT_FOUND_TEXT: Final = b"Cannot GET - Invalid path or write key provided."

# Wanted by every answer: scripts and settings are read from other origins, also from pages with
# COEP, and a body is never taken for another type than the one it says.
COMMON_HEADERS: Final = (
    ("Access-Control-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("Server", "firstparty"),
)
JSON: Final = "application/json; charset=utf-8"
METHODS: Final = "GET, HEAD, OPTIONS"
_PLAIN_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")
_LIST_ITEM: Final = re.compile(r"\s*,\s*")
_WEIGHT: Final = re.compile(r";\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, headers beside the common ones, and body."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


NOT_FOUND: Final = Answer(
    status=HTTPStatus.NOT_FOUND,
    # Short: a source that was just added must not stay unknown for long.
    headers=(_PLAIN_TEXT, ("Cache-Control", "public, max-age=5")),
    body=NOT_FOUND_TEXT,
)
NO_SCRIPT: Final = Answer(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    headers=(_PLAIN_TEXT, ("Cache-Control", "no-store"), ("Retry-After", "30")),
    body=b"Analytics.js is not installed on this edge yet.",
)
NO_UPSTREAM: Final = Answer(
    status=HTTPStatus.BAD_GATEWAY,
    headers=(_PLAIN_TEXT, ("Cache-Control", "no-store"), ("Retry-After", "10")),
    body=NOT_FOUND_TEXT,
)
FAILED: Final = Answer(
    status=HTTPStatus.INTERNAL_SERVER_ERROR,
    headers=(_PLAIN_TEXT, ("Cache-Control", "no-store")),
    body=b"This request could not be answered; the operator's log says why.",
)
WRONG_METHOD: Final = Answer(
    status=HTTPStatus.METHOD_NOT_ALLOWED,
    headers=(_PLAIN_TEXT, ("Cache-Control", "no-store"), ("Allow", METHODS)),
    body=b"This host answers GET, HEAD and OPTIONS only.",
)
PREFLIGHT: Final = Answer(
    status=HTTPStatus.NO_CONTENT,
    headers=(
        ("Access-Control-Allow-Methods", METHODS),
        ("Access-Control-Allow-Headers", "*"),
        ("Access-Control-Max-Age", "86400"),
    ),
)


def uncached_json(body: bytes) -> Answer:
    """A JSON answer that no cache may keep."""
    return Answer(
        status=HTTPStatus.OK,
        headers=(
            ("Content-Type", JSON),
            ("Cache-Control", "no-store"),
        ),
        body=body,
    )


def answer_asset(asset: Asset, *, accept_encoding: str, if_none_match: str) -> Answer:
    """The asset in the best encoding that the client takes; 304 where it has that one already."""
    body, encoding = asset.body, "gzip" if asset.always_gzipped else ""
    forms = {"br": asset.brotli, "gzip": asset.gzipped}
    offered = {name: form for name, form in forms.items() if form is not None}
    if chosen := choose_encoding(accept_encoding, offered):
        body, encoding = offered[chosen], chosen
    # A strong validator names one representation, so each encoding has its own (RFC 9110 §8.8.3).
    etag = f'"{asset.digest}-{encoding}"' if encoding else f'"{asset.digest}"'
    headers = [("ETag", etag), ("Cache-Control", asset.cache_control)]
    if asset.gzipped is not None:
        headers.append(("Vary", "Accept-Encoding"))
    if matches(if_none_match, etag):
        return Answer(status=HTTPStatus.NOT_MODIFIED, headers=tuple(headers))
    headers.append(("Content-Type", asset.content_type))
    if encoding:
        headers.append(("Content-Encoding", encoding))
    return Answer(status=HTTPStatus.OK, headers=tuple(headers), body=body)


def choose_encoding(accept_encoding: str, offered: Iterable[str]) -> str:
    """Of ``offered``, each ``br`` or ``gzip``, the one that this Accept-Encoding likes best.

    RFC 9110 §12.5.3: weights count, the earlier of two that weigh the same is sent, and one of
    weight 0 never. Empty is the body as it is: where nothing is taken, or ``identity`` is named
    and weighs more.
    """
    weights = {}
    for item in _LIST_ITEM.split(accept_encoding.strip()):
        weight = _WEIGHT.search(item)
        weights[item.partition(";")[0].strip().lower()] = float(weight[1]) if weight else 1.0
    best, most = "", 0.0
    for encoding in offered:
        # Brotli has to be named: who says "*" may never have heard of it.
        names = ("br",) if encoding == "br" else ("gzip", "x-gzip", "*")
        weight_here = next((weights[name] for name in names if name in weights), 0.0)
        if weight_here > most:
            best, most = encoding, weight_here
    return "" if weights.get("identity", 0.0) > most else best


def matches(if_none_match: str, etag: str) -> bool:
    """Whether If-None-Match names this entity tag, compared weakly (RFC 9110 §13.1.2).

    Our tags hold no comma, so a list can be cut at its commas.
    """
    tags = _LIST_ITEM.split(if_none_match.strip())
    return "*" in tags or etag in (tag.removeprefix("W/") for tag in tags)
