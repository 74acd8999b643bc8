"""A page that a user named, fetched as a browser would: redirects followed one by one, bounded."""

import re
import zlib
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin, urlsplit

from firstparty.errors import Refused
from firstparty.outbound.http import Failure, Request, Response, SafeClient, Unreached

WITHIN: Final = timedelta(seconds=8)  # each request
_MAX_REDIRECTS: Final = 4
_MAX_INFLATED_BYTES: Final = 4 * 1024 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHARSET: Final = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE | re.ASCII)
_TARGET: Final = re.compile(r"/[\x21-\x7e]*", re.ASCII)
_HEADERS: Final = (
    # Some sites give a page without policy, or none at all, to what is no browser.
    ("User-Agent", "Mozilla/5.0 (compatible; firstparty)"),
    ("Accept", "text/html,application/xhtml+xml"),
    ("Accept-Encoding", "gzip, identity"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page: where it was found at last, its headers as they came, its first MB as text."""

    url: str
    response: Response
    text: str


async def fetch_page(client: SafeClient, url: str) -> Page:
    """The page at an https URL. Raises Refused, with the reason, where there is none."""
    for _ in range(_MAX_REDIRECTS + 1):
        request = _parse_url(url)
        answer = await client.fetch(request, within=WITHIN)
        if isinstance(answer, Unreached):
            raise Refused(f"page-{answer.failure}", _say(url, answer), field="page")
        if answer.status not in _REDIRECTS:
            break
        url = urljoin(url, answer.get("location"))
    else:
        raise Refused("page-redirects", f"{url} redirects on and on.", field="page")
    if answer.status != HTTPStatus.OK:
        raise Refused("page-status", f"{url} answered {answer.status}, not a page.", field="page")
    content_type = answer.get("content-type")
    if "html" not in content_type.lower():
        raise Refused(
            "page-not-html", f"{url} is {content_type or 'of no type'}, not HTML.", field="page"
        )
    return Page(url=url, response=answer, text=_decode(answer, content_type))


def _parse_url(url: str) -> Request:
    try:
        parts = urlsplit(url)
        port = parts.port or 443
        host = parts.hostname or ""
    except ValueError:
        host, port, parts = "", 0, urlsplit("")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme != "https" or not host or parts.username or not _TARGET.fullmatch(target):
        raise Refused(
            "page-not-https",
            f"{url[:200]!r} is no address of a page here: it is like https://www.shop.com/.",
            field="page",
        )
    return Request(method="GET", host=host, port=port, target=target, headers=_HEADERS)


def _decode(answer: Response, content_type: str) -> str:
    body = answer.body
    if answer.get("content-encoding").strip().lower() in {"gzip", "x-gzip"}:
        try:
            # The first part of a page is enough, and all that is kept of a long one.
            body = zlib.decompressobj(wbits=31).decompress(body, _MAX_INFLATED_BYTES)
        except zlib.error as error:
            raise Refused("page-broken", "The page's gzip is broken.", field="page") from error
    found = _CHARSET.search(content_type)
    try:
        return body.decode(found[1] if found else "utf-8", errors="replace")
    except LookupError:
        return body.decode(errors="replace")


def _say(url: str, answer: Unreached) -> str:
    if answer.failure is Failure.NOT_PUBLIC:
        return f"{answer.detail}: only pages at public addresses are fetched. Paste the policy."
    return f"{url} cannot be fetched: {answer.detail}. Paste the policy instead."
