"""Requests as SDKs send them that no test machine can run: built from what is known of each.

Known are path, authentication, content type, encoding and framing; the messages are the same six.
"""

import base64
import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

TYPES = ("identify", "track", "page", "screen", "group", "alias")


@dataclass(frozen=True)
class Facts:
    """How an SDK sends a batch. ``content_type`` is empty where it says none."""

    path: str
    content_type: str = "application/json"
    has_header_key: bool = False
    has_body_key: bool = True
    is_gzipped: bool = False
    is_chunked: bool = False


BATCHES = {
    "dotnet": Facts("/v1/import", has_header_key=True, has_body_key=False),
    "dotnet-gzip": Facts("/v1/import", has_header_key=True, has_body_key=False, is_gzipped=True),
    "clojure": Facts("/v1/import/", "application/json; charset=UTF-8"),
    "csharp": Facts("/v1/b", content_type="", is_gzipped=True),
    "kotlin": Facts("/v1/b", "text/plain", is_gzipped=True, is_chunked=True),
    "swift": Facts("/v1/b", "application/json; charset=utf-8"),
    "react-native": Facts("/v1/b", "text/plain"),
    "ios-classic": Facts("/v1/batch", is_gzipped=True),
    "android-classic": Facts("/v1/import", is_gzipped=True, is_chunked=True),
}


def build_messages() -> list[dict[str, Any]]:
    """One message of each type, with ids of their own."""
    common = {"userId": "u1", "groupId": "g1", "previousId": "u0", "name": "Home", "event": "Done"}
    return [{"type": kind, "messageId": f"built-{uuid.uuid4()}", **common} for kind in TYPES]


def build_batch(facts: Facts, write_key: str, host: str) -> tuple[bytes, list[str]]:
    """The request with one batch, and the ids in it."""
    messages = build_messages()
    batch: dict[str, Any] = {"batch": messages, "sentAt": "2026-11-21T12:00:00.000Z"}
    if facts.has_body_key:
        batch["writeKey"] = write_key
    body = json.dumps(batch).encode()
    headers = {"Host": host, "User-Agent": "built/1"}
    if facts.has_header_key:
        headers["Authorization"] = basic(write_key)
    if facts.content_type:
        headers["Content-Type"] = facts.content_type
    if facts.is_gzipped:
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body)
    return _frame("POST", facts.path, headers, body, is_chunked=facts.is_chunked), [
        message["messageId"] for message in messages
    ]


def build_singles(write_key: str, host: str) -> Iterator[tuple[bytes, str]]:
    """A request for each message, as plain HTTP clients send them."""
    for message in build_messages():
        headers = {
            "Host": host,
            "Authorization": basic(write_key),
            "Content-Type": "application/json",
        }
        body = json.dumps(message).encode()
        yield _frame("POST", f"/v1/{message['type']}", headers, body), message["messageId"]


def build_pixels(write_key: str, host: str) -> Iterator[tuple[bytes, str]]:
    """A request for each message, as an image in a mail sends it."""
    for message in build_messages():
        path = f"/v1/pixel/{message['type']}?{urlencode(message | {'writeKey': write_key})}"
        yield _frame("GET", path, {"Host": host}, b""), message["messageId"]


def build_replay(recorded: dict[str, Any], write_key: str, host: str) -> tuple[bytes, list[str]]:
    """A recorded request, byte for byte but for the host and the write key in the header."""
    ours: dict[str, Callable[[], str]] = {
        "host": lambda: host,
        "authorization": lambda: basic(write_key),
    }
    lines = [f"{recorded['method']} {recorded['path']} HTTP/1.1"]
    is_gzipped = False
    for name, value in recorded["headers"]:
        is_gzipped |= (name.lower(), value) == ("content-encoding", "gzip")
        said = ours[name.lower()]() if name.lower() in ours else value
        lines.append(f"{name}: {said}")
    body = base64.b64decode(recorded["body_base64"])
    batch = json.loads(gzip.decompress(body) if is_gzipped else body)["batch"]
    return "\r\n".join([*lines, "", ""]).encode() + body, [one["messageId"] for one in batch]


def basic(write_key: str) -> str:
    """The Authorization header's value."""
    return "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()


def _frame(
    method: str, path: str, headers: dict[str, str], body: bytes, *, is_chunked: bool = False
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if is_chunked:
        lines.append("Transfer-Encoding: chunked")
        half = len(body) // 2
        body = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (body[:half], body[half:], b""))
    elif method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
