"""What Envoy itself answers: JSON that every SDK can read, with CORS so that browsers can too.

Envoy's own text is replaced, since it tells of what is behind. SDKs need ``code``, ``message``
and ``error`` in every error body; without CORS headers a browser sees a network error instead.
"""

import base64
from typing import Any, Final

from firstparty.model.messages import PIXEL_IMAGE

_TEXTS: Final = {
    400: "The request is malformed.",
    404: "There is nothing at this address.",
    405: "Use GET, HEAD, POST or OPTIONS.",
    408: "The request took too long to arrive.",
    413: "The request body is too large.",
    421: "This connection is for another host; open a new one.",
    429: "Too many requests; slow down.",
    431: "The request headers are too large.",
    501: "Only chunked is understood as Transfer-Encoding.",
    502: "The service cannot answer at the moment; try again.",
    503: "The service cannot answer at the moment; try again.",
    504: "The service took too long to answer; try again.",
}
_OTHERS: Final = (  # lowest status, what is said of it and of those above
    (500, "internal_error", "The service cannot answer at the moment; try again."),
    (400, "bad_request", "The request cannot be served."),
)
_CODES: Final = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
    421: "misdirected_request",
    429: "too_many_requests",
    431: "headers_too_large",
    501: "not_implemented",
    502: "bad_gateway",
    503: "unavailable",
    504: "timeout",
}
_RUNTIME_KEY: Final = "edge.local_reply"
_PIXELS: Final = {"header": {"name": ":path", "string_match": {"prefix": "/v1/pixel/"}}}
_RETRY_AFTER_SECONDS: Final = {429: 5, 502: 5, 503: 5, 504: 5}


def build_local_replies() -> dict[str, Any]:
    """The ``local_reply_config`` of an HTTP connection manager."""
    exact = [_mapper("EQ", status, _CODES[status], text) for status, text in _TEXTS.items()]
    others = [_mapper("GE", status, code, text) for status, code, text in _OTHERS]
    # An answer of the route table itself. The first mapper that fits is the last one looked at.
    unchanged = {"filter": _statuses("EQ", 200)}
    return {"mappers": [unchanged, _pixel_mapper(), *exact, *others]}


def _pixel_mapper() -> dict[str, Any]:
    """A message in an address that cannot be stored is answered with an image all the same."""
    image = base64.b64encode(PIXEL_IMAGE).decode()
    return {
        "filter": {"and_filter": {"filters": [_statuses("GE", 500), {"header_filter": _PIXELS}]}},
        "body_format_override": {
            "text_format_source": {"inline_bytes": image},
            "content_type": "image/gif",
        },
        "headers_to_add": _headers(503),
    }


def _mapper(operator: str, status: int, code: str, text: str) -> dict[str, Any]:
    return {
        "filter": _statuses(operator, status),
        "body_format_override": {
            "json_format": {"success": False, "code": code, "message": text, "error": text}
        },
        "headers_to_add": _headers(status),
    }


def _statuses(operator: str, status: int) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": _RUNTIME_KEY}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def _headers(status: int) -> list[dict[str, Any]]:
    headers = {
        "access-control-allow-origin": "%REQ(ORIGIN)%",
        "access-control-expose-headers": "Retry-After",
        "vary": "Origin",
        "cache-control": "no-store",
    }
    if status in _RETRY_AFTER_SECONDS:
        headers["retry-after"] = str(_RETRY_AFTER_SECONDS[status])
    return [
        {
            "header": {"key": name, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
        for name, value in headers.items()
    ]
