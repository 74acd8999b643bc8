"""Does each path of the tracking API lead to it, and do messages arrive in every form."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from firstparty.outbound.http import Response
from firstparty.proxies.bodies import inflate, is_html, parse_object
from firstparty.proxies.context import Check, Context, explain
from firstparty.proxies.requests import BROWSER_CALLS, SERVER_CALLS
from firstparty.proxies.result import Verdict, failed, passed, skipped

_BODY: Final = "api.message-body"
_HEADER: Final = "api.message-header"
_GZIP: Final = "api.message-gzip"
_PIXEL: Final = "api.pixel"
_LARGE: Final = "api.large"
_TOLD: Final = frozenset({HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED})
_KEY_REFUSED: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
)


def decide_path(name: str) -> Callable[[Context], Verdict]:
    """A POST that is no JSON gets the API's own refusal: 400, never a page or a redirect."""

    def decide(context: Context) -> Verdict:
        response = context.answer(name)
        if response.status in _TOLD and not is_html(response):
            return passed(name, "The path leads to the API.")
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            return skipped(name, "The API asks for a pause.")
        text = inflate(response)
        if response.status == HTTPStatus.NOT_FOUND and b"Cannot GET" in text:
            return failed(name, "post-turned-to-get")
        return failed(name, explain(context, name, default="api-not-proxied"))

    return decide


def decide_message(context: Context) -> Verdict:
    """The test message with its write key in the body is taken."""
    response = context.answer(_BODY)
    if _is_success(context, _BODY):
        return passed(_BODY, "A test message was taken.")
    is_refused = response.status in _KEY_REFUSED and parse_object(inflate(response)) is not None
    is_known = _is_ok(context, "cdn.settings")
    if is_refused and is_known and not _is_success(context, _HEADER):
        return failed(_BODY, "wrong-region")
    return failed(_BODY, explain(context, _BODY, default="unexpected"))


def decide_authorization(context: Context) -> Verdict:
    """The test message with its write key in Authorization alone is taken."""
    return _compare(context, _HEADER, cause="authorization-dropped", well="Authorization arrives.")


def decide_gzip(context: Context) -> Verdict:
    """The test message in gzip is taken."""
    return _compare(context, _GZIP, cause="content-encoding-lost", well="Gzip arrives.")


def decide_pixel(context: Context) -> Verdict:
    """The pixel is an image."""
    response = context.answer(_PIXEL)
    if response.status == HTTPStatus.OK and "image/" in response.get("content-type"):
        return passed(_PIXEL, "The pixel comes.")
    return failed(_PIXEL, explain(context, _PIXEL, default="api-not-proxied"))


def decide_large(context: Context) -> Verdict:
    """A body of the size of SDKs' largest batches reaches the API."""
    response = context.seen.get(_LARGE)
    if not isinstance(response, Response):
        return skipped(_LARGE, "No answer came in time.")
    if response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return failed(_LARGE, "body-too-large")
    return passed(_LARGE, "A large body is taken.")


def _compare(context: Context, name: str, *, cause: str, well: str) -> Verdict:
    if _is_success(context, name):
        return passed(name, well)
    if not _is_success(context, _BODY):
        return skipped(name, "The plain test message was not taken either; see api.message.")
    return failed(name, explain(context, name, default=cause) if _is_odd(context, name) else cause)


def _is_odd(context: Context, name: str) -> bool:
    """Whether the proxy, not the API, refused: with a page, a redirect or an error."""
    response = context.answer(name)
    return is_html(response) or parse_object(inflate(response)) is None


def _is_ok(context: Context, name: str) -> bool:
    answer = context.seen.get(name)
    return getattr(answer, "status", None) == HTTPStatus.OK


def _is_success(context: Context, name: str) -> bool:
    answer = parse_object(inflate(context.answer(name))) or {}
    return _is_ok(context, name) and answer.get("success") is True


def _path_check(call: str) -> Check:
    name = f"api.broken-{call}"
    title = f"POST /{call} leads to the API"
    return Check(name=f"api.path-{call}", title=title, needs=(name,), decide=decide_path(name))


CHECKS: Final = (
    *(_path_check(call) for call in (*BROWSER_CALLS, *SERVER_CALLS)),
    Check(name="api.pixel", title="The pixel comes", needs=(_PIXEL,), decide=decide_pixel),
    Check(
        name="api.body-size",
        title="A body of 490 KB is taken, as SDKs send",
        needs=(_LARGE,),
        decide=decide_large,
        may_fail=True,
    ),
)
MESSAGE_CHECKS: Final = (
    Check(
        name="api.message",
        title="A message is taken",
        needs=(_BODY, _HEADER),
        looks_at=("cdn.settings",),
        decide=decide_message,
    ),
    Check(
        name="api.authorization",
        title="Authorization arrives: a message with the write key there alone is taken",
        needs=(_BODY, _HEADER),
        decide=decide_authorization,
    ),
    Check(
        name="api.gzip",
        title="Content-Encoding arrives: a message in gzip is taken",
        needs=(_BODY, _GZIP),
        decide=decide_gzip,
    ),
)
