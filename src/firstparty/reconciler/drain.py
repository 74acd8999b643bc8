"""When a domain that its owner removed has run empty, and what is said until then.

It is served as ever while somebody still asks its hosts, or while messages that it took are not
delivered: up to a limit, after which it goes whoever still asks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from firstparty.model.drains import Drain
from firstparty.model.findings import Actor, Finding, Severity
from firstparty.reconciler.case import Case
from firstparty.reconciler.outcome import Outcome, observe
from firstparty.reconciler.pauses import DRAIN_LOOK, DRAIN_MESSAGES
from firstparty.reconciler.traffic import HostsTraffic, TrafficAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainLimits:
    """``quiet``: so long without a request is empty. ``longest``: then it goes all the same.

    ``moved_quiet``: so long without a request, and a domain whose place was taken is removed.
    """

    quiet: timedelta = timedelta(minutes=10)
    longest: timedelta = timedelta(days=7)
    moved_quiet: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining:
    """A domain that drains, what was measured, and whether the meter could be read now."""

    case: Case
    drain: Drain
    is_measured: bool
    limits: DrainLimits
    now: datetime

    @property
    def quiet_at(self) -> datetime:
        """When it has been quiet for long enough, if nothing asks again."""
        return max(self.drain.since, self.drain.last_request_at or self.drain.since) + (
            self.limits.quiet
        )

    @property
    def ends_at(self) -> datetime:
        """When it goes at the latest."""
        return self.drain.since + self.limits.longest


def measure(before: Drain | None, answer: TrafficAnswer, *, now: datetime) -> Drain:
    """What is known now; what could not be asked stays as it was known last."""
    drain = before or Drain(since=now)
    hosts = answer.hosts or HostsTraffic(
        cdn_requests=drain.cdn_requests,
        api_requests=drain.api_requests,
        last_request_at=drain.last_request_at,
    )
    return Drain(
        since=drain.since,
        cdn_requests=hosts.cdn_requests,
        api_requests=hosts.api_requests,
        last_request_at=hosts.last_request_at,
        undelivered=answer.undelivered,
    )


def find_reasons(at: Draining) -> tuple[Finding, ...]:
    """Why the domain is not empty yet; none: it is, or its time is over."""
    if at.now >= at.ends_at:
        return ()
    return tuple(found for check in CHECKS if (found := check(at)) is not None)


def go_on_draining(at: Draining, findings: tuple[Finding, ...]) -> Outcome:
    """Serve on, say why, and look again when it may be over."""
    until_quiet = at.quiet_at - at.now
    again = DRAIN_MESSAGES if until_quiet <= timedelta() else min(until_quiet, DRAIN_LOOK)
    observation = observe(
        at.case.observation, at=at.now, findings=findings, facts={"drain": at.drain}
    )
    return Outcome(observation=observation, again=min(again, at.ends_at - at.now))


def still_requested(at: Draining) -> Finding | None:
    """Pages or SDKs that still use the hosts: they would break."""
    last = at.drain.last_request_at
    if last is None or at.now >= at.quiet_at:
        return None
    asked = (
        (at.case.domain.cdn_host, at.drain.cdn_requests),
        (at.case.domain.api_host, at.drain.api_requests),
    )
    hosts = " and ".join(f"{host} ({count} requests)" for host, count in asked if count)
    return Finding(
        code="still-requested",
        sentence=f"{hosts} still get requests, the last at {_say(last)}: change the pages and SDKs "
        f"that use {at.case.domain.name}. It is served until {_span(at.limits.quiet)} pass without "
        f"a request, at most until {_say(at.ends_at)}.",
        acts=Actor.OWNER,
        severity=Severity.WARNING,
    )


def listens_for_requests(at: Draining) -> Finding | None:
    """Nobody asked so far; it takes a while to know that nobody does."""
    if at.drain.last_request_at is not None or at.now >= at.quiet_at:
        return None
    return Finding(
        code="draining",
        sentence=f"We serve {at.case.domain.name} until {_say(at.quiet_at)}, to see whether "
        "anything still asks its hosts. Leave its DNS records until it is removed.",
        acts=Actor.NOBODY,
    )


def messages_wait(at: Draining) -> Finding | None:
    """Messages that the domain took and that are not upstream yet."""
    if not at.drain.undelivered:
        return None
    return Finding(
        code="messages-wait",
        sentence=f"{at.drain.undelivered} messages are not delivered yet: the domain stays until "
        f"they are, at most until {_say(at.ends_at)}.",
        acts=Actor.NOBODY,
        severity=Severity.WARNING,
    )


def could_not_measure(at: Draining) -> Finding | None:
    """Not knowing is not being empty."""
    if at.is_measured:
        return None
    return Finding(
        code="drain-unknown",
        sentence="The message log does not answer, so it is not known whether anything still "
        "arrives or waits. We ask again by ourselves.",
        acts=Actor.OPERATOR,
        severity=Severity.WARNING,
    )


def _say(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"  # noqa: PLR2004 - as people say it


CHECKS: Final[tuple[Callable[[Draining], Finding | None], ...]] = (
    still_requested,
    messages_wait,
    could_not_measure,
    listens_for_requests,
)
