"""Do bodies come in the encoding that they claim, and no cookies."""

from collections.abc import Callable
from typing import Final

from firstparty.outbound.http import Response
from firstparty.proxies.bodies import GZIP_MAGIC, gunzip
from firstparty.proxies.context import Check, Context
from firstparty.proxies.result import Verdict, failed, passed, warned

_CDN: Final = ("cdn.script", "cdn.settings")
_CDN_OPTIONAL: Final = ("cdn.bundle", "cdn.destination")
_API: Final = ("api.preflight-t", "api.broken-t", "api.broken-batch", "api.pixel")


def decide_encoding(context: Context) -> Verdict:
    """No body is compressed twice, or without saying so."""
    for name in (*_CDN, *_CDN_OPTIONAL):
        response = context.seen.get(name)
        cause = _find_fault(response) if isinstance(response, Response) else None
        if cause is not None:
            return failed(name, cause)
    return passed("cdn.script", "Every body is in the encoding that it claims.")


def decide_cookies(names: tuple[str, ...]) -> Callable[[Context], Verdict]:
    """No answer sets a cookie."""

    def decide(context: Context) -> Verdict:
        for name in names:
            if context.answer(name).all("set-cookie"):
                return warned(name, "cookies-set")
        return passed(names[0], "No answer sets a cookie.")

    return decide


def _find_fault(response: Response) -> str | None:
    codings = [one.strip() for one in response.get("content-encoding").lower().split(",")]
    count = sum(one in {"gzip", "x-gzip"} for one in codings)
    body = response.body
    if not body.startswith(GZIP_MAGIC):
        return None
    if count == 0:
        return "content-encoding-missing"
    return "double-gzip" if gunzip(body).startswith(GZIP_MAGIC) else None


def _cookie_check(side: str, names: tuple[str, ...]) -> Check:
    title = f"No answer of the {side.upper()} side sets a cookie"
    return Check(name=f"{side}.cookies", title=title, needs=names, decide=decide_cookies(names))


CDN_CHECKS: Final = (
    Check(
        name="cdn.encoding",
        title="Bodies are in the encoding that they claim",
        needs=_CDN,
        looks_at=_CDN_OPTIONAL,
        decide=decide_encoding,
    ),
    _cookie_check("cdn", _CDN),
)
API_CHECKS: Final = (_cookie_check("api", _API),)
