"""May pages of other origins read the answers (CORS, Fetch standard), and send Authorization."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from firstparty.outbound.http import Response
from firstparty.proxies.bodies import is_html
from firstparty.proxies.context import Check, Context, explain
from firstparty.proxies.requests import BROWSER_CALLS, ORIGIN, OTHER_ORIGIN
from firstparty.proxies.result import Verdict, failed, passed, skipped

_ALLOW_ORIGIN: Final = "access-control-allow-origin"
_NEEDED_HEADERS: Final = frozenset({"authorization", "x-retry-count"})
_FIRST: Final = "cdn.settings-origin"
_OTHER: Final = "cdn.settings-other-origin"
_PAGE: Final = "api.broken-from-page"


def decide_settings(context: Context) -> Verdict:
    """The settings may be read by pages of two origins, asked one after the other."""
    for name, origin in ((_FIRST, ORIGIN), (_OTHER, OTHER_ORIGIN)):
        response = context.answer(name)
        if response.status != HTTPStatus.OK or is_html(response):
            return skipped(name, "The settings do not come; see cdn.settings.")
        cause = _find_fault(context, response, origin)
        if cause is not None:
            return failed(name, cause)
    return passed(_OTHER, "Every page may read the settings.")


def decide_preflight(name: str) -> Callable[[Context], Verdict]:
    """The preflight is answered, and allows what the browser SDK sends."""

    def decide(context: Context) -> Verdict:
        response = context.answer(name)
        if response.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
            return failed(name, explain(context, name, default="api-not-proxied"))
        cause = _find_fault(context, response, ORIGIN)
        if cause is not None:
            return failed(name, cause)
        allowed = response.get("access-control-allow-headers").lower().split(",")
        if not {one.strip() for one in allowed} >= _NEEDED_HEADERS:
            return failed(name, "cors-authorization")
        return passed(name, "The preflight allows what browsers send.")

    return decide


def decide_error(context: Context) -> Verdict:
    """An error answer, too, may be read: or the SDK sees a network error and tries again."""
    response = context.answer(_PAGE)
    if response.status not in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}:
        return skipped(_PAGE, "The API was not asked; see api.path-t.")
    cause = _find_fault(context, response, ORIGIN)
    return failed(_PAGE, cause) if cause else passed(_PAGE, "Pages may read the API's answers.")


def _find_fault(context: Context, response: Response, origin: str) -> str | None:
    values = response.all(_ALLOW_ORIGIN)
    if len(values) > 1 or any("," in value for value in values):
        return "cors-doubled"
    if values and values[0].strip() in {"*", origin}:
        return None
    is_cloudfront = context.provider(response) == "cloudfront"
    return "cloudfront-cors" if is_cloudfront else "cors-missing"


def _preflight_check(call: str) -> Check:
    name = f"api.preflight-{call}"
    title = f"The preflight of POST /{call} allows authorization and x-retry-count"
    return Check(name=name, title=title, needs=(name,), decide=decide_preflight(name))


CDN_CHECKS: Final = (
    Check(
        name="cdn.cors",
        title="Pages of any origin may read the settings",
        needs=(_FIRST, _OTHER),
        decide=decide_settings,
    ),
)
API_CHECKS: Final = (
    *(_preflight_check(call) for call in BROWSER_CALLS),
    Check(
        name="api.cors",
        title="Pages may read the API's answers, errors too",
        needs=(_PAGE,),
        decide=decide_error,
    ),
)
