"""What arrives at the origin, where that is one that tells: Firstparty (Firstparty-Arrived)."""

from http import HTTPStatus
from typing import Final

from firstparty.proxies.context import Check, Context
from firstparty.proxies.result import Verdict, failed, passed, skipped, warned

_ASKED: Final = "api.query"
_FROM_PAGE: Final = "api.broken-from-page"
_SILENT: Final = "The origin does not tell what arrives: only Firstparty does."


def decide_query(context: Context) -> Verdict:
    """The query arrives."""
    told = _read(context)
    if "query" in told:
        return passed(_ASKED, "The query arrives.")
    return failed(_ASKED, "query-dropped") if "no-query" in told else skipped(_ASKED, _SILENT)


def decide_client_address(context: Context) -> Verdict:
    """The visitor's address arrives in X-Forwarded-For."""
    told = _read(context)
    if "forwarded-for" in told:
        return passed(_ASKED, "The visitor's address arrives.")
    is_lost = "no-forwarded-for" in told
    return warned(_ASKED, "client-ip-lost") if is_lost else skipped(_ASKED, _SILENT)


def decide_cookie(context: Context) -> Verdict:
    """The site's cookies do not arrive."""
    told = _read(context)
    if "no-cookie" in told:
        return passed(_ASKED, "Cookies of the site do not leave it.")
    return warned(_ASKED, "cookies-passed-on") if "cookie" in told else skipped(_ASKED, _SILENT)


def decide_retry_after(context: Context) -> Verdict:
    """Pages may read Retry-After, or browsers ignore it: what Firstparty always allows."""
    response = context.answer(_FROM_PAGE)
    if response.status not in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}:
        return skipped(_FROM_PAGE, "The API was not asked; see api.path-t.")
    if not response.all("access-control-allow-origin"):
        return skipped(_FROM_PAGE, "Pages may not read the answer at all; see api.cors.")
    exposed = response.get("access-control-expose-headers").lower().split(",")
    if {"retry-after", "*"} & {one.strip() for one in exposed}:
        return passed(_FROM_PAGE, "Pages may read Retry-After.")
    if _read(context):
        return warned(_FROM_PAGE, "retry-after-hidden")
    return skipped(_FROM_PAGE, "Not exposed, and whether the origin does so is not known.")


def _read(context: Context) -> frozenset[str]:
    told = context.answer(_ASKED).get("firstparty-arrived").split(",")
    return frozenset(one.strip() for one in told) - {""}


CHECKS: Final = (
    Check(
        name="api.query",
        title="The query arrives, which pixels consist of",
        needs=(_ASKED,),
        decide=decide_query,
    ),
    Check(
        name="api.client-ip",
        title="The visitor's address arrives",
        needs=(_ASKED,),
        decide=decide_client_address,
    ),
    Check(
        name="api.cookies-kept",
        title="The site's cookies do not go to the origin",
        needs=(_ASKED,),
        decide=decide_cookie,
    ),
    Check(
        name="api.retry-after",
        title="Pages may read Retry-After",
        needs=(_ASKED, _FROM_PAGE),
        decide=decide_retry_after,
    ),
)
