"""Answers of the tracking API as bytes (pure).

The success answer is what the pickiest SDKs need: exactly 200, a reason phrase, a JSON object with
a boolean ``success``. Every refusal has ``code``, ``message`` and ``error``: each is what some SDK
reads. ``Date`` is left to Envoy.
"""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import msgspec

from firstparty.model.messages import PIXEL_IMAGE

SUCCESS_BODY: Final = b'{"success": true}'
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_JSON: Final = b"application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request was not taken, as its sender reads it."""

    status: HTTPStatus
    code: str
    message: str
    retry_after: timedelta | None = None
    allow: bytes = b""


def build_answer(
    status: HTTPStatus,
    body: bytes,
    *,
    content_type: bytes = _JSON,
    cors: bytes = b"",
    headers: bytes = b"",
    is_last: bool = False,
) -> bytes:
    """One whole answer. ``cors`` and ``headers`` are header lines that end in CR LF.

    ``is_last`` says that the connection is closed behind it.
    """
    lines = [b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode())]
    if status is not HTTPStatus.NO_CONTENT:
        lines.append(b"content-type: %s\r\ncontent-length: %d\r\n" % (content_type, len(body)))
    if is_last:
        lines.append(b"connection: close\r\n")
    return b"".join((*lines, headers, cors, b"\r\n", body))


def build_success(*, cors: bytes, is_last: bool = False) -> bytes:
    """The answer to a message that is on disk."""
    return build_answer(HTTPStatus.OK, SUCCESS_BODY, cors=cors, is_last=is_last)


def build_arrived(*, has_query: bool, at_edge: bytes) -> bytes:
    """The header line that tells a check of a custom proxy what arrived (docs/proxy-check.md).

    ``at_edge`` is what the edge saw before it dropped it: a list, or empty where there is no edge.
    """
    told = b", ".join(filter(None, (b"query" if has_query else b"no-query", at_edge)))
    return b"firstparty-arrived: %s\r\n" % told


def build_refusal(refusal: Refusal, *, cors: bytes, is_last: bool = False) -> bytes:
    """The answer to a request that was not taken."""
    body = msgspec.json.encode(
        {
            "success": False,
            "code": refusal.code,
            "message": refusal.message,
            "error": refusal.message,
        }
    )
    headers = _retry_after(refusal.retry_after)
    if refusal.allow:
        headers += b"allow: %s\r\n" % refusal.allow
    return build_answer(refusal.status, body, cors=cors, headers=headers, is_last=is_last)


def build_pixel(*, cors: bytes, unavailable: Refusal | None = None, is_last: bool = False) -> bytes:
    """The image: 200 whatever the request was, 503 when a message could not be stored."""
    return build_answer(
        HTTPStatus.OK if unavailable is None else unavailable.status,
        PIXEL_IMAGE,
        content_type=b"image/gif",
        cors=cors,
        headers=b"cache-control: no-store\r\n"
        + _retry_after(unavailable.retry_after if unavailable else None),
        is_last=is_last,
    )


def without_body(answer: bytes) -> bytes:
    """The answer to the same request by HEAD (RFC 9110 §9.3.2)."""
    head, end, _ = answer.partition(b"\r\n\r\n")
    return head + end


def _retry_after(delay: timedelta | None) -> bytes:
    if delay is None:
        return b""
    # Whole seconds: several SDKs read nothing else.
    return b"retry-after: %d\r\n" % max(1, -(-delay // timedelta(seconds=1)))
