"""What becomes of messages that are sent without TLS, as an SDK does that was told http://."""

from http import HTTPStatus
from typing import Final

from firstparty.outbound.http import Response
from firstparty.proxies.bodies import inflate, parse_object
from firstparty.proxies.context import LOSE_BODY, Check, Context
from firstparty.proxies.result import Verdict, passed, skipped, warned

_PLAIN: Final = "api.plain"
_TAKEN: Final = frozenset({HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED})


def decide_plain(context: Context) -> Verdict:
    """Refused, redirected by 307 or 308, or nobody there: no message is lost or read on the way."""
    if _PLAIN not in context.seen:
        return skipped(_PLAIN, "Not asked: the proxy is on a port of its own, or time was up.")
    answer = context.seen[_PLAIN]
    if not isinstance(answer, Response):
        return passed(_PLAIN, "Nobody answers without TLS.")
    if answer.status in LOSE_BODY:
        return warned(_PLAIN, "plain-post-redirected")
    if answer.status in _TAKEN and parse_object(inflate(answer)) is not None:
        return warned(_PLAIN, "plain-messages-taken")
    return passed(_PLAIN, "Without TLS no message is taken.")


CHECKS: Final = (
    Check(
        name="api.plain-http",
        title="Messages without TLS are neither taken nor lost in a redirect",
        needs=(_PLAIN,),
        decide=decide_plain,
        may_fail=True,
    ),
)
