"""A certificate that came by another way than our orders: its owner brought it."""

from datetime import datetime

from firstparty.model.certificates import OrderState, move_order
from firstparty.model.observations import Step
from firstparty.model.status import CertificateStatus
from firstparty.reconciler.case import Case
from firstparty.reconciler.outcome import AT_ONCE, Outcome, observe


def adopt(case: Case, *, now: datetime) -> Outcome:
    """Take note of a certificate that is good; whatever was being ordered is not wanted any more.

    The edge is told in the same transaction, as after every step.
    """
    order = case.order
    observation = observe(
        case.observation,
        at=now,
        reached=(Step.ISSUED, Step.PUBLISHED),
        facts={
            "ca_refusals": 0,
            "ca_outages": 0,
            "ca_not_before": None,
            "is_rehearsed": False,
        },
        certificate=CertificateStatus.VALID,
    )
    over = None if order is None else move_order(order, OrderState.FAILED, at=now)
    return Outcome(observation=observation, again=AT_ONCE, order=over)
