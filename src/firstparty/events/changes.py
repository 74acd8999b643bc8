"""What was done to a message on its way, in words for its owner. Pure."""

from types import MappingProxyType
from typing import Final

import msgspec

from firstparty.forward.expand import parse_instant
from firstparty.forward.rewrite import is_empty
from firstparty.model.json_text import decode_json

_Fields = dict[str, msgspec.Raw]
_FIELDS: Final = msgspec.json.Decoder(_Fields)
# In a context, where it has none of its own.
_SET_BY_US: Final = MappingProxyType({"ip": "address", "userAgent": "browser"})


def describe_changes(came: bytes, goes: bytes) -> list[str]:
    """How ``goes``, the JSON that goes upstream, differs from ``came``, the message as it came."""
    try:
        before, after = decode_json(_FIELDS, came), decode_json(_FIELDS, goes)
    except (msgspec.DecodeError, RecursionError):
        return []
    changes = []
    if is_empty(before.get("messageId")):
        changes.append("messageId added")
    changes += _describe_time(before, after)
    if "type" in after and before.get("type") != after["type"]:
        changes.append("type set from the path")
    changes += [
        f"{name} taken from the batch"
        for name in ("context", "integrations")
        if name in after and _is_more(before.get(name), after[name])
    ]
    changes += [
        f"context.{name} set to the visitor's {what}"
        for name, what in _SET_BY_US.items()
        if name in _keys(after.get("context")) and name not in _keys(before.get("context"))
    ]
    changes += [f"{name} left out" for name in ("sentAt", "writeKey") if name in before]
    return changes


def _describe_time(before: _Fields, after: _Fields) -> list[str]:
    own = before.get("timestamp")
    if own is None or is_empty(own):
        return ["timestamp set to the time of arrival"]
    was, is_now = parse_instant(own), parse_instant(after["timestamp"])
    if was is None or is_now is None or was == is_now:
        return []
    seconds = (is_now - was).total_seconds()
    return [f"timestamp corrected by {seconds:+.3f} s for the sender's clock"]


def _is_more(before: msgspec.Raw | None, after: msgspec.Raw) -> bool:
    """Whether ``after`` has keys that ``before`` has not, those apart that we set."""
    return bool(_keys(after) - _keys(before) - _SET_BY_US.keys())


def _keys(raw: msgspec.Raw | None) -> set[str]:
    if raw is None or not bytes(raw).startswith(b"{"):
        return set()
    return set(_FIELDS.decode(raw))
