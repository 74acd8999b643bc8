"""A request and its answer in one line each, as evidence (pure): no write key, no cookie."""

from typing import Final

from firstparty.outbound.http import Request, Response, Unreached
from firstparty.proxies.bodies import inflate
from firstparty.proxies.target import Target

# The headers that causes show in.
_TOLD: Final = (
    "location", "content-type", "content-encoding", "access-control-allow-origin",
    "access-control-allow-headers", "access-control-expose-headers", "firstparty-arrived", "allow",
    "cache-control", "age", "x-cache", "cf-cache-status", "server", "via",
)  # fmt: skip
_TOLD_REQUEST: Final = frozenset({"origin", "access-control-request-headers", "content-encoding"})
_MAX_VALUE: Final = 120  # characters
_MAX_BODY: Final = 120


def describe_request(request: Request, target: Target) -> str:
    """Method, address and the headers that matter."""
    lines = [f"{request.method} {request.origin}{request.target}"]
    lines += [f"{k}: {v}" for k, v in request.headers if k.lower() in _TOLD_REQUEST]
    if any(name == "Authorization" for name, _ in request.headers):
        lines.append("Authorization: Basic …")
    return _hide("; ".join(lines), target)


def describe_answer(answer: Response | Unreached, target: Target) -> str:
    """Status, the headers that matter, and how the body begins; or why there was no answer."""
    if isinstance(answer, Unreached):
        return answer.detail
    lines = [str(answer.status)]
    for name in _TOLD:
        lines += [f"{name}: {_plain(value, _MAX_VALUE)}" for value in answer.all(name)]
    lines += [
        f"set-cookie: {_plain(one.partition('=')[0], 40)}=…" for one in answer.all("set-cookie")
    ]
    body = _plain(inflate(answer)[: 4 * _MAX_BODY].decode("utf-8", "replace"), _MAX_BODY)
    return _hide("; ".join(lines) + (f"; body: {body}" if body else ""), target)


def _plain(text: str, limit: int) -> str:
    """One line of printable characters: what a stranger's server sends goes to a terminal."""
    line = "".join(one if one.isprintable() else " " for one in " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _hide(text: str, target: Target) -> str:
    return text.replace(target.write_key, "WRITE_KEY") if target.write_key else text
