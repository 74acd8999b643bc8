"""What one policy says to a script, a fetch or an image, as browsers decide it (CSP3 §6)."""

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firstparty.csp.expressions import has_keyword, matches_any, read_hashes, read_nonces
from firstparty.csp.policy import Delivery, Policy

_SCRIPT: Final = ("script-src-elem", "script-src", "default-src")


class Kind(StrEnum):
    """What a page wants to do."""

    INLINE = "inline"  # run a script element's own text
    SCRIPT = "script"  # load a script that another script puts into the page
    CONNECT = "connect"  # fetch
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One thing that a page wants to do: ``url``, or for INLINE the script's ``text``.

    ``nonce`` is the script element's own, empty without one.
    """

    kind: Kind
    url: str = ""
    text: str = ""
    nonce: str = ""


def find_blocking_directive(policy: Policy, attempt: Attempt, *, page: str) -> str:
    """The name of the directive that blocks the attempt; empty: none, it is allowed.

    ``page`` is the page's address. A report-only policy is asked like any other: whether it is
    enforced is for the caller to look at.
    """
    if attempt.kind in {Kind.INLINE, Kind.SCRIPT} and _is_without_scripts(policy):
        return "sandbox"
    if attempt.kind is Kind.SCRIPT and _needs_trusted_types(policy):
        return "require-trusted-types-for"
    said = policy.find(*fallbacks_of(attempt.kind))
    if said is None:
        return ""
    name, expressions = said
    return "" if _is_on(expressions, attempt, page) else name


def fallbacks_of(kind: Kind) -> tuple[str, ...]:
    """The directives that decide, the first one present alone."""
    match kind:
        case Kind.INLINE | Kind.SCRIPT:
            return _SCRIPT
        case Kind.CONNECT:
            return ("connect-src", "default-src")
        case Kind.IMAGE:
            return ("img-src", "default-src")


def build_hash(text: str) -> str:
    """The source expression that allows an inline script of exactly this text."""
    return f"'sha256-{_digest('sha256', text)}'"


def _is_on(expressions: tuple[str, ...], attempt: Attempt, page: str) -> bool:
    match attempt.kind:
        case Kind.INLINE:
            return _is_inline_allowed(expressions, attempt)
        case Kind.SCRIPT:
            if attempt.nonce and attempt.nonce in read_nonces(expressions):
                return True
            # Hosts mean nothing any more; a trusted script may put others into the page.
            if has_keyword(expressions, "'strict-dynamic'"):
                return True
            return matches_any(expressions, attempt.url, page)
        case Kind.CONNECT | Kind.IMAGE:
            return matches_any(expressions, attempt.url, page)


def _is_inline_allowed(expressions: tuple[str, ...], attempt: Attempt) -> bool:
    nonces, hashes = read_nonces(expressions), read_hashes(expressions)
    if attempt.nonce and attempt.nonce in nonces:
        return True
    if any(_digest(algorithm, attempt.text) == digest for algorithm, digest in hashes):
        return True
    is_strict = has_keyword(expressions, "'strict-dynamic'")
    return has_keyword(expressions, "'unsafe-inline'") and not (nonces or hashes or is_strict)


def _is_without_scripts(policy: Policy) -> bool:
    said = policy.find("sandbox")
    # Report-only policies cannot sandbox (CSP3 §6.3.2).
    return (
        said is not None
        and policy.delivery is Delivery.HEADER
        and not has_keyword(said[1], "allow-scripts")
    )


def _needs_trusted_types(policy: Policy) -> bool:
    said = policy.find("require-trusted-types-for")
    return said is not None and has_keyword(said[1], "'script'")


def _digest(algorithm: str, text: str) -> str:
    return base64.b64encode(hashlib.new(algorithm, text.encode()).digest()).decode()
