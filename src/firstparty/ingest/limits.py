"""What one request, and all of them together, may take; and what is said to those over it."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from firstparty.ingest.answers import Refusal

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 1024 * 1024  # on the wire; what is decoded has limits of its own
MAX_SKIPPED_BYTES: Final = 8 * 1024 * 1024  # of a refused body, to keep the connection
MAX_PIPELINED: Final = 64
MAX_HELD_BYTES: Final = 64 * 1024 * 1024  # of all requests of this process together
EXCHANGE_OVERHEAD_BYTES: Final = 2_048
REQUEST_SECONDS: Final = 30
IDLE_SECONDS: Final = 300  # longer than Envoy keeps an idle connection, so that Envoy closes first
ENDING_SECONDS: Final = 5

OVERLOADED: Final = Refusal(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    code="overloaded",
    message="Too much is waiting to be stored. Try again.",
    retry_after=timedelta(seconds=2),
)
BODY_TOO_LARGE: Final = Refusal(
    status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    code="body_too_large",
    message=f"The body is larger than {MAX_BODY_BYTES} bytes.",
)
HEAD_TOO_LARGE: Final = Refusal(
    status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    code="head_too_large",
    message=f"The request line and headers are larger than {MAX_HEAD_BYTES} bytes.",
)
BAD_REQUEST: Final = Refusal(
    status=HTTPStatus.BAD_REQUEST, code="bad_request", message="This is not an HTTP/1.1 request."
)
BAD_EXPECTATION: Final = Refusal(
    status=HTTPStatus.EXPECTATION_FAILED,
    code="unknown_expectation",
    message="The only expectation that is met is 100-continue.",
)
NO_UPGRADE: Final = Refusal(
    status=HTTPStatus.BAD_REQUEST, code="no_upgrade", message="There is nothing to upgrade to here."
)
TOO_SLOW: Final = Refusal(
    status=HTTPStatus.REQUEST_TIMEOUT,
    code="request_timeout",
    message=f"The request took longer than {REQUEST_SECONDS} seconds to arrive.",
)


def is_head_too_large(target: bytes, headers: dict[bytes, bytes]) -> bool:
    """Whether a head that has come whole is over the limit."""
    size = len(target) + sum(len(name) + len(value) + 4 for name, value in headers.items())
    return size > MAX_HEAD_BYTES
