"""What one step came to: a value, stored by ``saving`` in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from firstparty.certs.progress import Rejected
from firstparty.model.certificates import Certificate, Order, RevocationReason
from firstparty.model.claims import Claim
from firstparty.model.findings import Finding
from firstparty.model.key_rolls import ParentDs
from firstparty.model.moves import Move
from firstparty.model.observations import Observation, Step
from firstparty.model.status import Statuses

AT_ONCE: Final = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaAnswered:
    """Whether an authority that was asked gave an answer that can be used."""

    authority: str
    is_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found, what changed, and when to look again (None: when somebody asks).

    ``revoke`` marks every certificate of the domain that is still good for revocation: safe to
    say again. ``revocation`` is a marked one after a try. ``advised`` is the newest with its
    CA's advice; ``rejected`` is why the order is over, if its CA said so; ``ca`` is whether a CA
    that was asked answered. ``parent_ds`` is what the parent has, where a key is being replaced.
    """

    observation: Observation
    again: timedelta | None
    claim: Claim | None = None
    new_order: Order | None = None
    order: Order | None = None
    certificate: Certificate | None = None
    revoke: RevocationReason | None = None
    revocation: Certificate | None = None
    advised: Certificate | None = None
    rejected: Rejected | None = None
    ca: CaAnswered | None = None
    move: Move | None = None
    parent_ds: ParentDs | None = None


def observe(
    before: Observation,
    *,
    at: datetime,
    findings: tuple[Finding, ...] = (),
    tries: int = 0,
    reached: tuple[Step, ...] = (),
    facts: Mapping[str, Any] | None = None,
    **statuses: Any,
) -> Observation:
    """The next observation: these findings, these statuses changed, these steps reached.

    ``facts`` are other fields of the observation; ``statuses`` fields of its statuses. A step
    that was reached before keeps its first time.
    """
    fresh = [step for step in reached if step not in before.stopwatch]
    stopwatch = dict(before.stopwatch) | dict.fromkeys(fresh, at)
    changed: Statuses = replace(before.statuses, **statuses)
    return replace(
        before,
        statuses=changed,
        findings=findings,
        tries=tries,
        checked_at=at,
        stopwatch=stopwatch,
        **(facts or {}),
    )
