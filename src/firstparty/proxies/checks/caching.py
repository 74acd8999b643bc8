"""Is nothing kept that must not be: POSTs never, settings and script for minutes."""

import re
from http import HTTPStatus
from typing import Final

from firstparty.outbound.http import Response
from firstparty.proxies.bodies import inflate, parse_object
from firstparty.proxies.context import Check, Context
from firstparty.proxies.result import Verdict, failed, passed, skipped, warned

_MAX_SETTINGS_SECONDS: Final = 3600
_MAX_SCRIPT_SECONDS: Final = 86_400
_HIT: Final = re.compile(r"\bhit\b", re.IGNORECASE)
_CACHE_WORDS: Final = ("x-cache", "cf-cache-status", "x-cache-status", "cache-status")
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])(?:s-maxage|max-age)\s*=\s*\"?(\d{1,10})", re.IGNORECASE)
_POST: Final = "api.broken-batch"
_BODY: Final = "api.message-body"
_AFTER: Final = "api.broken-after"
_OTHER: Final = "api.broken-identify"  # a path without a message before it


def decide_settings(context: Context) -> Verdict:
    """The settings may not be kept for over an hour, the main script not for over a day."""
    limits = (("cdn.settings", _MAX_SETTINGS_SECONDS), ("cdn.script", _MAX_SCRIPT_SECONDS))
    for name, limit in limits:
        response = context.answer(name)
        if response.status != HTTPStatus.OK:
            return skipped(name, "It does not come; see its own check.")
        if kept_seconds(response) > limit:
            return warned(name, "settings-kept-too-long")
    return passed("cdn.settings", "Settings and script are kept for a short time only.")


def decide_post(context: Context) -> Verdict:
    """No answer to a POST says that it comes out of a cache."""
    if is_from_cache(context.answer(_POST)):
        return failed(_POST, "post-cached")
    return passed(_POST, "POSTs are not answered by a cache.")


def decide_repeated(context: Context) -> Verdict:
    """What is no message does not get the success of the message before it."""
    if _is_success(context.answer(_OTHER)):
        return skipped(_OTHER, "The API takes what is no message, so this shows nothing.")
    if _is_success(context.answer(_BODY)) and _is_success(context.answer(_AFTER)):
        return failed(_AFTER, "post-cached")
    return passed(_AFTER, "Each POST has an answer of its own.")


def kept_seconds(response: Response) -> int:
    """The longest that a cache may keep this, or has kept it."""
    ages = [int(found) for found in _MAX_AGE.findall(response.get("cache-control"))]
    age = response.get("age").strip()
    return max((*ages, int(age) if re.fullmatch(r"[0-9]{1,10}", age) else 0))


def is_from_cache(response: Response) -> bool:
    """Whether an answer says that a cache gave it (Age: RFC 9111 §5.1, Cache-Status: RFC 9211)."""
    age = response.get("age").strip()
    is_aged = re.fullmatch(r"[0-9]{1,10}", age) is not None and int(age) > 0
    return is_aged or any(_HIT.search(response.get(name)) for name in _CACHE_WORDS)


def _is_success(response: Response) -> bool:
    answer = parse_object(inflate(response)) or {}
    return response.status == HTTPStatus.OK and answer.get("success") is True


CDN_CHECKS: Final = (
    Check(
        name="cdn.caching",
        title="Settings are kept for an hour at most, the script for a day",
        needs=("cdn.settings", "cdn.script"),
        decide=decide_settings,
    ),
)
API_CHECKS: Final = (
    Check(
        name="api.caching",
        title="No cache answers a POST",
        needs=(_POST,),
        decide=decide_post,
    ),
)
MESSAGE_CHECKS: Final = (
    Check(
        name="api.repeated",
        title="A POST does not get the answer of the one before it",
        needs=(_BODY, _AFTER, _OTHER),
        decide=decide_repeated,
    ),
)
