"""Which requests of a page would count somewhere, and how the check answers them itself. Pure.

So a visit puts no message into anybody's data: what a tracking API would take is counted by type
and forgotten.
"""

import json
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import msgspec

from firstparty.csp.device_mode import list_vendor_hosts
from firstparty.sitecheck.observed import Batch

# Wire names of the tracking API's paths; ``/m`` are the library's own metrics.
_TRACKING: Final = re.compile(
    r"(?:/[^?#]*)?/v1/(?:[tpigasbm]|batch|import|track|page|identify|group|alias|screen)/?"
)
_PIXEL: Final = re.compile(r"(?:/[^?#]*)?/v1/pixel/(track|page|identify|group|alias|screen)/?")
_TYPES: Final = frozenset({"track", "page", "identify", "group", "alias", "screen"})
_OTHER: Final = "other"
_MAX_TEXT: Final = 100
_GIF: Final = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as the browser made it. Header names in lower case."""

    method: str
    scheme: str
    host: str
    port: int
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def get(self, name: str) -> str:
        """The value of a header; empty if it has none."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAnswer:
    """What the check answers itself; ``batch``: the messages that it took."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    batch: Batch | None = None


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    collectors: tuple[str, ...]


def answer_locally(asked: Asked, *, api_hosts: frozenset[str]) -> LocalAnswer | None:
    """The answer to what must not go out; None for all that may.

    Kept in: what has a path of the tracking API (with its preflights), whatever is written to one
    of ``api_hosts``, all that goes to the collecting hosts of well-known trackers, and what is
    written to vendors of device-mode destinations.
    """
    allowed = _allow_origin(asked)
    is_reading = asked.method in {"GET", "HEAD"}
    if asked.method == "OPTIONS":
        wanted = asked.get("access-control-request-method")
        is_kept = bool(wanted) and _is_kept(
            asked, is_reading=wanted in {"GET", "HEAD"}, api=api_hosts
        )
        return LocalAnswer(status=204, headers=allowed) if is_kept else None
    if not _is_kept(asked, is_reading=is_reading, api=api_hosts):
        return None
    pixel = _PIXEL.fullmatch(asked.path)
    if pixel:
        batch = Batch(write_key="", library="pixel", types=MappingProxyType({pixel[1]: 1}))
        headers = (*allowed, ("content-type", "image/gif"))
        return LocalAnswer(status=200, headers=headers, body=_GIF, batch=batch)
    if _TRACKING.fullmatch(asked.path):
        return LocalAnswer(
            status=200,
            headers=(*allowed, ("content-type", "application/json")),
            body=b'{"success": true}',
            batch=None if asked.path.rstrip("/").endswith("/m") else read_batch(asked.body),
        )
    return LocalAnswer(status=204, headers=allowed)


def read_batch(body: bytes) -> Batch | None:
    """Types and counts of the messages in a body; None for what is none of the tracking API's."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    entries = value.get("batch")
    messages = entries if isinstance(entries, list) else [value]
    types = Counter(_read_type(one) for one in messages)
    first = next((one for one in messages if isinstance(one, dict)), {})
    return Batch(
        write_key=_text(value.get("writeKey") or first.get("writeKey")),
        library=_text(_inside(first, "context", "library", "version")),
        types=MappingProxyType(dict(types)),
    )


def list_collectors() -> tuple[str, ...]:
    """Hosts of well-known trackers that only collect."""
    return _load_facts().collectors


def is_under(host: str, names: tuple[str, ...] | frozenset[str]) -> bool:
    """Whether a host is one of these names, or below one."""
    return any(host == name or host.endswith(f".{name}") for name in names)


def _is_kept(asked: Asked, *, is_reading: bool, api: frozenset[str]) -> bool:
    if _PIXEL.fullmatch(asked.path) or is_under(asked.host, list_collectors()):
        return True
    if is_reading:
        return False
    return (
        bool(_TRACKING.fullmatch(asked.path))
        or asked.host in api
        or asked.host in list_vendor_hosts()
    )


def _allow_origin(asked: Asked) -> tuple[tuple[str, str], ...]:
    origin = asked.get("origin")
    if not origin:
        return ()
    return (
        ("access-control-allow-origin", origin),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, POST, PUT, OPTIONS"),
        ("access-control-allow-headers", asked.get("access-control-request-headers") or "*"),
        ("vary", "Origin"),
    )


def _read_type(message: Any) -> str:
    kind = message.get("type") if isinstance(message, dict) else None
    return kind if isinstance(kind, str) and kind in _TYPES else _OTHER


def _inside(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return value[:_MAX_TEXT] if isinstance(value, str) else ""


@cache
def _load_facts() -> _Facts:
    text = files("firstparty.sitecheck").joinpath("collectors.toml").read_text()
    return msgspec.convert(tomllib.loads(text), _Facts)
