"""What a body is, whatever its headers say (pure)."""

import json
import zlib
from typing import Any, Final

from firstparty.outbound.http import MAX_BODY_BYTES, Response

GZIP_MAGIC: Final = b"\x1f\x8b"
_MAX_INFLATED_BYTES: Final = 4 * MAX_BODY_BYTES
_GZIP_WINDOW: Final = 31  # zlib: a gzip header, the largest window
# The text that Segment's CDN, and ours, answers for a path or write key it does not know.
UNKNOWN_TEXT: Final = b"Cannot GET - Invalid path or write key provided."


def inflate(response: Response) -> bytes:
    """The body without the gzip that Content-Encoding names; as it is where that is not gzip."""
    if response.get("content-encoding").strip().lower() not in {"gzip", "x-gzip"}:
        return response.body
    return gunzip(response.body)


def gunzip(body: bytes) -> bytes:
    """At most 4 MB of what is in this gzip; the body itself where it is not one."""
    try:
        return zlib.decompressobj(_GZIP_WINDOW).decompress(body, _MAX_INFLATED_BYTES)
    except zlib.error:
        return body


def parse_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body; None where it is anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_html(response: Response) -> bool:
    """Whether this is a page for people: by its type, or by how it begins."""
    begin = inflate(response)[:200].lstrip().lower()
    is_page = begin.startswith((b"<!doctype", b"<html", b"<head"))
    return is_page or "text/html" in response.get("content-type").lower()
