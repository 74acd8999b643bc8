"""What an upstream's answer means for a batch: pure, a table and a few rules.

It knows HTTP statuses and delays; it must not know sockets, sources or the log. Nothing here
ever drops a message: whatever is not delivered waits, or becomes a dead letter with its reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

# Waits after the first, second, … failure in a row; the last one repeats.
BACK_OFF: Final = tuple(
    timedelta(seconds=seconds) for seconds in (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
)
MAX_RETRY_AFTER: Final = timedelta(minutes=5)  # the cap that current SDKs have, too
# What the reason of a letter begins with that the upstream refused.
REFUSED_UPSTREAM: Final = "refused upstream"
PARKED_FOR: Final = timedelta(minutes=5)

_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
# The messages themselves are wrong, or too many at once: a smaller batch finds which.
_JUDGES_MESSAGES: Final = frozenset({400, 413, 422})
# The address, the account or the key is wrong: no message can help, and none is to blame.
_JUDGES_SOURCE: Final = frozenset({401, 402, 403, 404, 405, 407, 501, 505})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a status with its headers and the start of its body, or an error instead.

    ``headers`` are found by lower-case name. ``error`` says in a few words why there is no answer,
    ``refusal`` why it was not even asked: then the source's settings, or the operator's, are wrong.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    error: str = ""
    refusal: str = ""

    def __str__(self) -> str:
        if self.refusal:
            return self.refusal
        return self.error if self.status is None else f"the upstream answered {self.status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The upstream has the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Send the same messages again after a while."""

    after: timedelta
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Send the first half, then the second: one of the messages is to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Keep everything of the source until its settings change, or until it is time to look."""

    after: timedelta
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """The upstream will never take this one message."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The upstream was away for longer than messages are kept."""


Outcome = Delivered | Retry | Split | Park | Dead


def judge(answer: Answer, *, messages: int, failures: int, jitter: float, now: datetime) -> Outcome:
    """What to do with a batch of ``messages`` after this answer.

    ``failures`` is how many tries in a row failed before this one; ``jitter`` from 0 to 1 scales
    the back-off (full jitter), never a wait that the upstream asked for.
    """
    status = answer.status
    if status is None:
        return Retry(after=back_off(failures, jitter=jitter), reason=answer.error)
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 §15.3: any success
        return Delivered()
    if status in _JUDGES_MESSAGES:
        return Split() if messages > 1 else Dead(reason=_reason(answer))
    if status in _JUDGES_SOURCE or 300 <= status < 400:  # noqa: PLR2004 - never followed
        return Park(after=PARKED_FOR, reason=str(answer))
    # A date is one of the upstream's clock, and so is that of its answer: ours may be wrong.
    now = read_date(answer) or now
    wanted = parse_retry_after(answer.headers.get("retry-after", ""), now=now)
    after = back_off(failures, jitter=jitter)
    if wanted is not None:
        # "Retry-After: 0", or a date in the past, for ever must not make a hot loop.
        after = min(wanted, MAX_RETRY_AFTER) or max(after, BACK_OFF[0])
    return Retry(after=after, reason=str(answer))


def is_page(answer: Answer) -> bool:
    """Whether this is a page for people: what proxies say 200 with when nobody is behind them."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in _PAGES and answer.text.lstrip("\ufeff \t\r\n").startswith("<")


def back_off(failures: int, *, jitter: float) -> timedelta:
    """The wait after a failure that ``failures`` others in a row went before."""
    return BACK_OFF[min(failures, len(BACK_OFF) - 1)] * jitter


def parse_retry_after(text: str, *, now: datetime) -> timedelta | None:
    """Retry-After as whole seconds or as an HTTP-date (RFC 9110 §10.2.3); None when neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        # Digits beyond any sense are no reason to fail: the caller caps.
        return timedelta(seconds=min(int(text[:12]), 10**9))
    at = _parse_date(text)
    return None if at is None else max(at - now, timedelta(0))


def read_date(answer: Answer) -> datetime | None:
    """When the answer was made, by the upstream's clock; None where it does not say."""
    return _parse_date(answer.headers.get("date", ""))


def _parse_date(text: str) -> datetime | None:
    """An HTTP-date (RFC 9110 §5.6.7)."""
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _reason(answer: Answer) -> str:
    phrase = HTTPStatus(answer.status).phrase if answer.status else ""
    text = " ".join(answer.text.split())[:300]
    return f"{REFUSED_UPSTREAM}: {answer.status} {phrase}{': ' + text if text else ''}"
