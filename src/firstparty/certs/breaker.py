"""Whether a CA is worth asking at all: a circuit breaker for each, kept in the store. Pure.

It opens when the CA fails for several domains in a row, or for a while; what the CA says about one
domain (a validation that failed, a name that it refuses) is an answer, not a failure.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from firstparty.model.authorities import Breaker, Failure

MANY: Final = 5  # failures in a row, over
NAMES: Final = 3  # different domains, within
SPAN: Final = timedelta(minutes=5)
FEW: Final = 4  # failures in a row, however few domains there are, over
AT_LEAST: Final = timedelta(minutes=1)
OPEN_FOR: Final = timedelta(minutes=10)
_KEPT: Final = 20


def after_failure(breaker: Breaker, failure: Failure) -> Breaker:
    """The breaker after one more failure; one that was open before opens again at once."""
    failures = (*breaker.failures, failure)[-_KEPT:]
    recent = [one for one in failures if failure.at - one.at <= SPAN]
    is_everywhere = len(recent) >= MANY and len({one.domain_id for one in recent}) >= NAMES
    is_lasting = len(failures) >= FEW and failure.at - failures[0].at >= AT_LEAST
    if is_everywhere or is_lasting or breaker.open_until is not None:
        return Breaker(failures=failures, open_until=failure.at + OPEN_FOR)
    return replace(breaker, failures=failures)
