"""What went wrong, as a page that says what to do. It names no version and no place in the code."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from firstparty.console.pages import render_page
from firstparty.console.visits import Visit
from firstparty.errors import Conflict, FirstpartyError, Forbidden, NotFound, Refused, Unavailable

NOT_OUR_FORM: Final = (
    "This form did not come from a page of this console, or the page was too old. "
    "Open the page again, then send it once more."
)
_TITLES: Final = {
    HTTPStatus.BAD_REQUEST: "That cannot be read",
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Nothing here",
    HTTPStatus.METHOD_NOT_ALLOWED: "Not that way",
    HTTPStatus.REQUEST_TIMEOUT: "That took too long",
    HTTPStatus.CONFLICT: "Not now",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too much",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "That cannot be read",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Our mistake",
    HTTPStatus.SERVICE_UNAVAILABLE: "Try again in a moment",
}
_SENTENCES: Final = {
    HTTPStatus.BAD_REQUEST: "The request is not what a page of this console sends. Go back, "
    "reload the page and try again.",
    HTTPStatus.NOT_FOUND: "There is no such page, or it belongs to somebody else. Check the "
    "address, or start from your domains.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that kind of request. Start from "
    "your domains.",
    HTTPStatus.REQUEST_TIMEOUT: "The form did not arrive in time. Go back and send it again.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The form holds more than any field of it takes. Go "
    "back, shorten it, and send it again.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The request is not what a page of this console sends. Go "
    "back, reload the page and try again.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something broke here, and it is written in the log. Your "
    "domains go on working. Try again; if it happens again, tell the operator when it was.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Something that the console needs does not answer. Your "
    "domains go on working. Try again in a moment.",
}
_FALLBACK: Final = HTTPStatus.BAD_REQUEST


def render_status(visit: Visit, status: int, *, sentence: str = "") -> Response:
    """The page for a status, with its usual sentence unless there is a better one."""
    known = HTTPStatus(status) if status in _TITLES else _FALLBACK
    return render_page(
        visit,
        "error.html",
        status=status,
        title=_TITLES[known],
        sentence=sentence or _SENTENCES[known],
        way_out="/",
        way_out_label="To your domains" if visit.signed_in else "To the start",
    )


def render_failure(visit: Visit, error: FirstpartyError) -> Response:
    """The page for a refusal that no field of a form could show."""
    response = render_status(visit, status_of(error), sentence=_sentence_of(error))
    if isinstance(error, Unavailable):
        response.headers["retry-after"] = str(max(1, error.retry_after // timedelta(seconds=1)))
    return response


def status_of(error: FirstpartyError) -> HTTPStatus:
    """The HTTP status of an expected exception."""
    match error:
        case NotFound():
            return HTTPStatus.NOT_FOUND
        case Forbidden():
            return HTTPStatus.FORBIDDEN
        case Conflict():
            return HTTPStatus.CONFLICT
        case Refused():
            return HTTPStatus.UNPROCESSABLE_ENTITY
        case _:
            return HTTPStatus.SERVICE_UNAVAILABLE


def _sentence_of(error: FirstpartyError) -> str:
    # A 404's own sentence repeats an identifier that means nothing to a person.
    return error.sentence if isinstance(error, Refused) and not isinstance(error, NotFound) else ""
