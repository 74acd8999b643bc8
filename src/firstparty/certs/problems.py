"""What goes wrong at a CA, told apart: this order is over, or the same call may succeed later."""

from datetime import timedelta
from typing import Final

import josepy
import requests
from acme import errors, messages

from firstparty.certs.account import AccountRefused
from firstparty.certs.progress import Rejected, TryLater

# Whatever a CA, or something in between, answers ends in one of these.
FAULTS: Final = (
    errors.Error,
    josepy.errors.Error,
    requests.RequestException,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
)
_LATER: Final = frozenset({"rateLimited", "serverInternal", "badNonce", "orderNotReady"})
_NO_ACCOUNT: Final = "accountDoesNotExist"
_MAX_DETAIL: Final = 400


def read_fault(  # noqa: PLR0911 - a list of cases, the first that applies
    error: BaseException, *, status: int, retry_after: timedelta | None
) -> Rejected | TryLater:
    """What an error of the library means, with the status and Retry-After of the last answer.

    RFC 8555 §6.6 for the problems; a 4xx ends the order, all else may pass.
    """
    if isinstance(error, AccountRefused):
        if error.wait is None:
            return Rejected(problem="externalAccountRequired", detail=str(error))
        return TryLater(reason=str(error), again=error.wait)
    if isinstance(error, messages.Error):
        problem = name_problem(error)
        # RFC 9110: 429 and 503 are temporary whatever the document says.
        if problem in _LATER or status in {429, 503} or status >= 500:  # noqa: PLR2004
            return TryLater(reason=describe(error), again=retry_after)
        if problem == _NO_ACCOUNT:
            return TryLater(reason=describe(error), again=timedelta(seconds=1))
        return Rejected(problem=problem, detail=describe(error))
    if status == 404:  # noqa: PLR2004 - the order or the account is not there any more
        return Rejected(problem="orderUnknown", detail="The CA does not know this order any more.")
    if isinstance(error, requests.RequestException):
        return TryLater(reason=f"it cannot be reached ({type(error).__name__})", again=retry_after)
    reason = f"it answered with status {status}" if status else "its answer made no sense"
    return TryLater(reason=f"{reason} ({type(error).__name__})", again=retry_after)


def is_account_lost(error: BaseException) -> bool:
    """Whether the CA says that it does not know our account."""
    return isinstance(error, messages.Error) and name_problem(error) == _NO_ACCOUNT


def name_problem(error: messages.Error) -> str:
    """The last part of the problem's type, such as ``caa`` or ``rateLimited``."""
    return str(error.typ).rpartition(":")[2][:40] or "unknown"


def describe(error: messages.Error) -> str:
    """The CA's own words, bounded, printable, in one line: they end up before the owner's eyes."""
    parts = [error.detail or error.title or str(error.typ)]
    parts += [part.detail for part in error.subproblems or () if part.detail]
    text = " ".join(" ".join(str(part) for part in parts).split())
    return "".join(letter for letter in text if letter.isprintable())[:_MAX_DETAIL]
