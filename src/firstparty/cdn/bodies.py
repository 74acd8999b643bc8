"""What the upstream CDN sent, looked at before it is kept: type, size, encoding. Pure.

An outage answers with pages: HTML under a script's name would be run by every visitor's browser,
and settings that are none stop every event of a site.
"""

import re
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from firstparty.model.json_text import decode_json

MAX_BYTES: Final = 2 * 1024**2  # as it comes over the wire
MAX_INFLATED_BYTES: Final = 16 * 1024**2
_DECODER: Final = msgspec.json.Decoder()
_GZIP_MAGIC: Final = b"\x1f\x8b"
# Object stores give files that they cannot tell as octets; what is inside decides then.
_SCRIPT_TYPES: Final = re.compile(
    r"((application|text)/(x-)?(javascript|ecmascript)|(application|binary)/octet-stream"
    r"|application/(x-)?gzip|)",
    re.IGNORECASE,
)
_NO_SCRIPT: Final = re.compile(rb"(\xef\xbb\xbf)?\s*(<|$)")


class Kind(StrEnum):
    """What a body must be."""

    SETTINGS = "settings"  # a JSON object
    INTEGRATIONS = "integrations"  # a JSON array
    SCRIPT = "script"
    SOURCE_MAP = "source-map"  # a JSON object


class Unfit(Exception):
    """A body that is not what its path promises; the text says why, without quoting it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A body that may be kept: ``content`` inflated, ``gzipped`` as it came if it came so."""

    content: bytes
    gzipped: bytes | None


def parse_body(kind: Kind, raw: bytes, *, content_type: str, content_encoding: str) -> Body:
    """What ``raw`` holds, inflated once; raises Unfit.

    A body that says no encoding and is gzip all the same is one of a ``.gz`` name that lost its
    header on the way.
    """
    if len(raw) > MAX_BYTES:
        raise Unfit(f"more than {MAX_BYTES:,} bytes")
    encoding = content_encoding.strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise Unfit("an encoding that was not asked for")
    is_gzip = encoding in {"gzip", "x-gzip"} or raw.startswith(_GZIP_MAGIC)
    content = _inflate(raw) if is_gzip else raw
    match kind:
        case Kind.SCRIPT:
            _check_script(content, content_type)
        case Kind.SETTINGS | Kind.SOURCE_MAP:
            _check_json(content, dict)
        case Kind.INTEGRATIONS:
            _check_json(content, list)
    return Body(content=content, gzipped=raw if is_gzip else None)


def read_json(content: bytes) -> Any:
    """The value of a JSON body; raises msgspec.DecodeError and kin."""
    return decode_json(_DECODER, content)


def _inflate(raw: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=31)  # one gzip member
    try:
        content = inflater.decompress(raw, MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise Unfit("not the gzip that it says it is") from error
    if inflater.unconsumed_tail:
        raise Unfit(f"more than {MAX_INFLATED_BYTES:,} bytes inflated")
    if not inflater.eof or inflater.unused_data:
        raise Unfit("gzip that is cut off, or with something behind it")
    if content.startswith(_GZIP_MAGIC):
        raise Unfit("gzip inside gzip")
    return content


def _check_script(content: bytes, content_type: str) -> None:
    if not _SCRIPT_TYPES.fullmatch(content_type.partition(";")[0].strip()):
        raise Unfit("a type that is no script's")
    if _NO_SCRIPT.match(content):
        raise Unfit("a page or nothing instead of a script")


def _check_json(content: bytes, wanted: type) -> None:
    try:
        value = read_json(content)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Unfit("no JSON") from error
    if not isinstance(value, wanted):
        raise Unfit(f"JSON that is no {'object' if wanted is dict else 'array'}")
