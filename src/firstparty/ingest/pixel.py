"""Pixel requests (pure): a message in the query becomes the JSON body that an SDK would send.

Either ``data`` holds the message as base64 JSON, or the query holds its fields, nested ones with
dots (``properties.subject=…``).
"""

import base64
import binascii
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from firstparty.model.messages import MAX_MESSAGE_BYTES

_MAX_FIELDS: Final = 1_000
_MAX_DEPTH: Final = 16
_FROM_URL_SAFE: Final = bytes.maketrans(b"-_ ", b"+/+")  # a plus sign in a query reads as a space


class BadPixel(Exception):
    """The query holds no message; the text says why."""


def parse_pixel(query: bytes, *, user_agent: bytes) -> tuple[bytes, object] | None:
    """The body that a query stands for, and its "writeKey".

    None for bad input, which a pixel is never told of.

    The user agent goes into ``context.userAgent`` when the message has none: a pixel cannot read
    its own.
    """
    try:
        message = _parse_query(query)
    except BadPixel:
        return None
    context = message.setdefault("context", {}) if user_agent else None
    if isinstance(context, dict):
        context.setdefault("userAgent", user_agent.decode("latin-1"))
    key = message.get("writeKey")
    data = msgspec.json.encode(message)
    if len(data) > MAX_MESSAGE_BYTES:
        return None
    return data, key


def _parse_query(query: bytes) -> dict[str, Any]:
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if name == b"data":
            return _decode_data(unquote_to_bytes(value))
    try:
        fields = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError as error:
        raise BadPixel(str(error)) from error
    if not fields:
        raise BadPixel("the query is empty")
    message: dict[str, Any] = {}
    for path, text in fields:
        _set_field(message, path, text)
    return message


def _set_field(message: dict[str, Any], path: str, text: str) -> None:
    """Set ``a.b.c`` in nested objects."""
    *groups, leaf = path.split(".")
    if len(groups) > _MAX_DEPTH:
        raise BadPixel("a field is nested too deeply")
    for group in groups:
        message = message.setdefault(group, {})
        if not isinstance(message, dict):
            raise BadPixel(f"{group} is a value and has fields")
    if isinstance(message.get(leaf), dict):
        raise BadPixel(f"{leaf} is a value and has fields")
    message[leaf] = text


def _decode_data(data: bytes) -> dict[str, Any]:
    data = data.translate(_FROM_URL_SAFE).rstrip(b"=")
    try:
        text = base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
        return msgspec.json.decode(text, type=dict[str, Any])
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadPixel(f"data: {error}") from error
