"""What a delegation has hidden, said for a week: whoever misses it then should find out why. Pure.

It can be seen before the delegation only; so it is kept from then.
"""

from datetime import datetime, timedelta
from typing import Final

from firstparty.model.findings import Actor, Finding, Severity
from firstparty.model.observations import Step
from firstparty.reconciler.case import Case
from firstparty.reconciler.judgement import enumerate_names

HIDDEN: Final = "records-hidden"
_SAID_FOR: Final = timedelta(days=7)


def judge_hidden(case: Case, *, now: datetime) -> tuple[Finding, ...]:
    """A finding in the week after the delegation, if it hid anything."""
    before = case.observation
    since = before.stopwatch.get(Step.DELEGATED)
    if not before.hidden or since is None or now - since > _SAID_FOR:
        return ()
    return (
        Finding(
            code="records-hidden",
            sentence=f"Since {case.domain.name} was delegated, these records of your zone are not "
            f"answered any more: {enumerate_names(before.hidden)}. If something needs them, give "
            "it a name that is not at or below this one.",
            acts=Actor.OWNER,
            severity=Severity.WARNING,
        ),
    )
