"""A CA's published rate limits, kept at 80 %: when the next order may be made. Pure.

CAs count with token buckets (Let's Encrypt's page of 2026-08-05): ``most`` at once, refilled evenly
over the window. At most so many in *any* window asks for less than that allows, whatever was done
before, and is easy to say to a person.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from firstparty.config.rates import Rate, parse_rate
from firstparty.config.settings import LimitSettings
from firstparty.model.authorities import Counter, Use
from firstparty.model.names import registrable_domain

SHARE: Final = 0.8  # somebody else may use the same registered domain, or the clocks may differ


Limits = Mapping[Use, Rate]


def read_limits(settings: LimitSettings) -> dict[Use, Rate]:
    """The limits that the settings of an authority name."""
    rates = {use: parse_rate(getattr(settings, use)) for use in Use}
    return {use: rate for use, rate in rates.items() if rate is not None}


def kept(rate: Rate) -> int:
    """How many of a limit we use at most."""
    return max(1, int(rate.most * SHARE))


def used_by_order(names: Sequence[str], *, is_renewal: bool, replaces: bool) -> tuple[Counter, ...]:
    """What a new order counts for.

    Let's Encrypt exempts renewals: by ARI (``replaces``) from every limit, others, for the same
    names, from those on orders and registered domains.
    """
    if replaces:
        return ()
    same = Counter(use=Use.DUPLICATES, key=",".join(sorted(names)))
    if is_renewal:
        return (same,)
    registered = sorted({registrable_domain(name) or name for name in names})
    domains = tuple(Counter(use=Use.CERTIFICATES, key=one) for one in registered)
    return (Counter(use=Use.ORDERS), *domains, same)


def used_by_failure(names: Sequence[str]) -> tuple[Counter, ...]:
    """What a failed validation counts for: every host, since a CA may stop at the first."""
    return tuple(Counter(use=Use.FAILURES, key=name) for name in names)


def next_turn(
    counted: Mapping[Counter, Sequence[datetime]], limits: Limits, now: datetime
) -> tuple[datetime, Counter | None]:
    """When something that counts for all of these may be done, and what makes it wait.

    ``counted`` has the times, sorted, at which each was done or, later than ``now``, is promised
    to somebody.
    """
    at, waits_for = now, None
    while True:
        turns = [
            (earliest(times, limits[counter.use], at), counter)
            for counter, times in counted.items()
            if counter.use in limits
        ]
        latest, counter = max(turns, key=lambda turn: turn[0], default=(at, None))
        if latest <= at:
            return at, waits_for
        at, waits_for = latest, counter


def earliest(times: Sequence[datetime], rate: Rate, now: datetime) -> datetime:
    """The first moment from ``now`` on that leaves no window with more than we keep to."""
    at = now
    while (later := _not_before(times, rate, at)) > at:
        at = later
    return at


def _not_before(times: Sequence[datetime], rate: Rate, at: datetime) -> datetime:
    """``at`` if it fits in between ``times``, otherwise a later moment before which none fits."""
    most, place = kept(rate), bisect_right(times, at)
    for first in range(max(place - most, 0), min(place, len(times) - most + 1)):
        # Counted with ``at``, the window that begins at ``first`` has its last one here.
        last = at if first + most == place else times[first + most - 1]
        if last - times[first] < rate.window:
            return times[first] + rate.window
    last_after = place + most - 1
    if last_after < len(times) and times[last_after] - at < rate.window:
        return times[place]
    return at
