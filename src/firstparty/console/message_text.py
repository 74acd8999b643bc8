"""A message as a person reads it. Pure."""

from dataclasses import dataclass
from typing import Final

import msgspec

from firstparty.model.json_text import decode_json

_MAX_SHOWN: Final = 20_000  # characters
_ANY: Final = msgspec.json.Decoder()
_NAMES: Final = ("event", "name", "userId", "groupId", "anonymousId")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What a message is called in one line: its type, and what tells it from others."""

    type: str
    name: str


def headline_of(body: bytes) -> Headline:
    """The line for a message; one that is no JSON object is called so."""
    try:
        fields = decode_json(_ANY, body)
    except (msgspec.DecodeError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return Headline(type="unreadable", name="")
    name = next((fields[key] for key in _NAMES if isinstance(fields.get(key), str)), "")
    kind = fields.get("type")
    return Headline(type=kind if isinstance(kind, str) else "message", name=name)


def print_json(body: bytes) -> str:
    """The message with one field a line; what is no JSON as it came. Long ones are cut."""
    try:
        text = msgspec.json.format(body, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body.decode("utf-8", "replace")
    if len(text) <= _MAX_SHOWN:
        return text
    return f"{text[:_MAX_SHOWN]}\n… {len(text) - _MAX_SHOWN} more characters"
