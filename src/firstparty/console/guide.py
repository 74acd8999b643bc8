"""The first steps of a workspace, from nothing to the first message: each ticked by what is.

Pure: facts in, steps out. Nothing is remembered, so a step that is undone is open again.
"""

from dataclasses import dataclass
from enum import StrEnum

from firstparty.control.views import DomainView
from firstparty.model.observations import Step
from firstparty.model.workspaces import Source


class GuideStep(StrEnum):
    """What somebody new has to do, in this order."""

    SOURCE = "source"
    DOMAIN = "domain"
    RECORDS = "records"
    LIVE = "live"
    MESSAGE = "message"


class StepState(StrEnum):
    """Where a step stands: what comes after the one to do now is not asked for yet."""

    DONE = "done"
    NOW = "now"
    NEXT = "next"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideFacts:
    """What there is: the source and the domain to go on with, and how many messages it accepted.

    ``messages`` is None where the log could not be asked.
    """

    source: Source | None = None
    domain: DomainView | None = None
    messages: int | None = 0


def list_steps(facts: GuideFacts) -> dict[GuideStep, StepState]:
    """Every step with its state: the first that is not done is the one to do now."""
    states: dict[GuideStep, StepState] = {}
    open_state = StepState.NOW
    for step in GuideStep:
        if is_done(step, facts):
            states[step] = StepState.DONE
        else:
            states[step] = open_state
            open_state = StepState.NEXT
    return states


def is_done(step: GuideStep, facts: GuideFacts) -> bool:
    """Whether the facts show it."""
    domain = facts.domain
    match step:
        case GuideStep.SOURCE:
            return facts.source is not None
        case GuideStep.DOMAIN:
            return domain is not None
        case GuideStep.RECORDS:
            return domain is not None and has_records(domain)
        case GuideStep.LIVE:
            return domain is not None and domain.observation.statuses.has_been_live
        case GuideStep.MESSAGE:
            return bool(facts.messages)


def has_records(view: DomainView) -> bool:
    """Whether its records were found: now, or on its way."""
    observation = view.observation
    return (
        Step.DELEGATED in observation.stopwatch
        or observation.statuses.has_been_live
        or (bool(view.records) and all(one.found for one in view.records))
    )


def choose_domain(views: list[DomainView]) -> DomainView | None:
    """The one to go on with: that which was live, else the one that came furthest."""
    return max(
        views,
        key=lambda view: (view.observation.statuses.has_been_live, has_records(view)),
        default=None,
    )
