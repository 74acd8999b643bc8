"""What a check decides on: the target and the answers that came; and what refusals mean (pure)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from firstparty.outbound.http import Response
from firstparty.proxies.bodies import UNKNOWN_TEXT, inflate
from firstparty.proxies.platforms import recognise_provider
from firstparty.proxies.requests import Seen
from firstparty.proxies.result import Verdict, failed, skipped
from firstparty.proxies.target import Side, Target

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
LOSE_BODY: Final = frozenset({301, 302, 303})  # clients turn a POST into a GET (RFC 9110 §15.4)
_HOST_REFUSED: Final = frozenset({403, 421})
_NO_WORKER: Final = frozenset({404, 520, 521, 522, 523, 524, 525, 526, 530})
_METHOD_REFUSED: Final = b"not configured to allow the HTTP request method"  # CloudFront, in a 403
_SERVER_ERROR: Final = 500


# The request that tells whether a side is reached at all.
FIRST: Final = MappingProxyType({Side.CDN: "cdn.script", Side.API: "api.preflight-t"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything that a decision may look at."""

    target: Target
    seen: Seen
    now: datetime

    def answer(self, name: str) -> Response:
        """The answer to this request, which came (see Check)."""
        answer = self.seen[name]
        assert isinstance(answer, Response)
        return answer

    def provider(self, response: Response) -> str | None:
        """What the proxy runs on, by its owner's word or its answer's marks."""
        return self.target.provider or recognise_provider(response)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: the requests it needs answers to, and what it makes of them.

    ``may_fail`` says that it decides on requests without an answer, too. ``looks_at`` are
    requests that it waits for and does not need.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    decide: Callable[[Context], Verdict]
    may_fail: bool = False
    looks_at: tuple[str, ...] = ()


def judge(check: Check, context: Context) -> Verdict:
    """The verdict of a check whose requests are settled."""
    if check.may_fail:
        return check.decide(context)
    for name in check.needs:
        answer = context.seen.get(name)
        if isinstance(answer, Response):
            continue
        first = FIRST[Side(name.partition(".")[0])]
        if not isinstance(context.seen.get(first), Response):
            return skipped(name, "The host was not reached; see its dns and tls checks.")
        if answer is None:
            return skipped(name, "Not asked: there is nothing to ask for, or no time was left.")
        return failed(name, "unreachable")
    return check.decide(context)


def explain(context: Context, name: str, *, default: str) -> str:
    """The cause of an answer that is not the wanted one; ``default`` where nothing else shows."""
    response = context.answer(name)
    provider = context.provider(response)
    is_cloudflare = provider == "cloudflare"
    if response.status in _REDIRECTS:
        return _explain_redirect(context, name, is_cloudflare=is_cloudflare)
    if _METHOD_REFUSED in response.body:
        return "post-not-allowed"
    if response.status in _HOST_REFUSED:
        known = {"cloudflare": "cloudflare-host", "cloudfront": "cloudfront-host"}
        return known.get(provider or "", "host-forwarded")
    if is_cloudflare and response.status in _NO_WORKER and not is_unknown(response):
        return "cloudflare-worker-route"
    return _explain_status(response, name, default=default)


def _explain_status(response: Response, name: str, *, default: str) -> str:
    if response.status == HTTPStatus.METHOD_NOT_ALLOWED:
        was_get = "post" in response.get("allow").lower() and ".preflight" not in name
        return "post-turned-to-get" if was_get else "post-not-allowed"
    return "origin-failed" if response.status >= _SERVER_ERROR else default


def _explain_redirect(context: Context, name: str, *, is_cloudflare: bool) -> str:
    response = context.answer(name)
    if is_cloudflare and urlsplit(response.get("location")).scheme == "https":
        return "cloudflare-flexible-ssl"
    is_post = name.startswith(("api.broken", "api.message"))
    return "post-turned-to-get" if is_post and response.status in LOSE_BODY else "redirected"


def is_unknown(response: Response) -> bool:
    """Whether the CDN itself says that it has nothing there: so the path is proxied."""
    return response.status == HTTPStatus.NOT_FOUND and UNKNOWN_TEXT in inflate(response)
