"""The alarm for a certificate that should have been renewed long ago. Pure.

Every failure to renew is said by itself; this one is for whatever else went wrong, in time to act.
"""

from datetime import datetime

from firstparty.model.findings import Actor, Finding, Severity
from firstparty.reconciler.case import Case


def judge_expiry(case: Case, *, now: datetime) -> tuple[Finding, ...]:
    """A finding once half the time between the renewal's turn and the end has gone by.

    Failing when a quarter of it is left, or none.
    """
    there = case.certificate
    if there is None:
        return ()
    left = (there.not_after - now) / (there.not_after - there.due_at)
    if left > 1 / 2:
        return ()
    is_over = now >= there.not_after
    when = f"{there.not_after:%Y-%m-%d %H:%M} UTC"
    return (
        Finding(
            code="certificate-expires",
            sentence=f"The certificate expired at {when}: visitors are refused."
            if is_over
            else f"The certificate should have been renewed and was not: it expires at {when}.",
            acts=Actor.OPERATOR,
            severity=Severity.FAILING if left <= 1 / 4 else Severity.WARNING,
        ),
    )
