"""The guide's steps follow from facts, whatever they are."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.console.guide import (
    GuideFacts,
    GuideStep,
    StepState,
    choose_domain,
    list_steps,
)
from firstparty.control.views import DomainView, RecordView
from firstparty.model.findings import DnsRecord
from firstparty.model.observations import Observation, Step
from firstparty.model.status import Statuses, Word
from tests.builders import NOW, a_domain, a_source

RECORD = DnsRecord(name="cdp.shop.com.", type="NS", value="a.ns.fp.test.")


def a_view(*, found: bool = False, live: bool = False, marks: Any = ()) -> DomainView:
    domain = a_domain()
    return DomainView(
        domain=domain,
        word=Word.LIVE if live else Word.WAITING,
        observation=Observation(
            domain_id=domain.id,
            statuses=Statuses(has_been_live=live),
            stopwatch=dict.fromkeys(marks, NOW),
        ),
        records=(RecordView(record=RECORD, found=found),),
        sources=(),
        warnings=(),
    )


@pytest.mark.parametrize(
    ("facts", "now"),
    [
        (GuideFacts(), GuideStep.SOURCE),
        (GuideFacts(source=a_source()), GuideStep.DOMAIN),
        (GuideFacts(source=a_source(), domain=a_view()), GuideStep.RECORDS),
        (GuideFacts(source=a_source(), domain=a_view(found=True)), GuideStep.LIVE),
        (GuideFacts(source=a_source(), domain=a_view(marks=[Step.DELEGATED])), GuideStep.LIVE),
        (GuideFacts(source=a_source(), domain=a_view(live=True)), GuideStep.MESSAGE),
        (
            GuideFacts(source=a_source(), domain=a_view(live=True), messages=None),
            GuideStep.MESSAGE,
        ),
        (GuideFacts(source=a_source(), domain=a_view(live=True), messages=3), None),
    ],
)
def test_the_first_step_that_no_fact_shows_is_the_one_to_do(
    facts: GuideFacts, now: GuideStep | None
) -> None:
    states = list_steps(facts)

    assert [step for step, state in states.items() if state is StepState.NOW] == (
        [now] if now else []
    )


@given(
    st.booleans(), st.none() | st.tuples(st.booleans(), st.booleans()), st.none() | st.integers(0)
)
def test_there_is_always_one_step_to_do_until_all_are_done(
    has_source: bool,  # noqa: FBT001 - hypothesis gives it
    domain: tuple[bool, bool] | None,
    messages: int | None,
) -> None:
    view = domain and a_view(found=domain[0], live=domain[1])
    facts = GuideFacts(
        source=a_source() if has_source else None, domain=view or None, messages=messages
    )
    states = list(list_steps(facts).values())

    assert states.count(StepState.NOW) == (0 if set(states) == {StepState.DONE} else 1)
    first_open = next((at for at, one in enumerate(states) if one is not StepState.DONE), None)
    assert first_open is None or states[first_open] is StepState.NOW


def test_the_domain_that_came_furthest_is_gone_on_with() -> None:
    waiting, found, live = a_view(), a_view(found=True), a_view(live=True)

    assert choose_domain([]) is None
    assert choose_domain([waiting, found]) == found
    assert choose_domain([found, live, waiting]) == live
    assert choose_domain([replace(waiting)]) == waiting
