"""When a change of a live domain is said, whatever the order in which looks see what."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from firstparty.model.observations import Damper
from firstparty.reconciler.damping import CALM, Health, damp, look_again
from firstparty.reconciler.pauses import CONFIRM, WATCH
from tests.builders import NOW

HEALTHS = st.sampled_from(list(Health))


class Watched:
    """A domain that is looked at when the damper says, and every 4 minutes otherwise."""

    def __init__(self) -> None:
        self.damper, self.said, self.now = Damper(), Health.WELL, NOW
        self.changes: list[tuple[timedelta, Health]] = []

    def look(self, seen: Health) -> None:
        self.damper, is_said = damp(self.damper, said=self.said, seen=seen, now=self.now)
        if is_said and seen is not self.said:
            self.said = seen
            self.changes.append((self.now - NOW, seen))
        self.now += WATCH if is_said else look_again(self.damper, now=self.now)


@given(st.lists(HEALTHS, max_size=30), HEALTHS)
def test_what_stays_so_is_said_worse_within_5_minutes_and_better_within_the_longest_calm(
    before: list[Health], last: Health
) -> None:
    domain = Watched()
    for seen in before:
        domain.look(seen)
    since, said = domain.now, domain.said
    while domain.said is not last:
        domain.look(last)

    bound = WATCH + CONFIRM if last > said else CALM[-1] + WATCH
    assert domain.changes == [] or NOW + domain.changes[-1][0] - since <= bound


@given(st.lists(st.tuples(HEALTHS, st.integers(2, 9))))
def test_bad_looks_that_are_far_apart_are_never_said(bad: list[tuple[Health, int]]) -> None:
    domain = Watched()
    for seen, good_looks in bad:
        domain.look(seen)
        for _ in range(good_looks):
            domain.look(Health.WELL)

    assert domain.changes == []


@given(st.lists(HEALTHS, min_size=400, max_size=400))
def test_however_it_flaps_it_is_said_to_change_a_few_times_in_six_hours(
    looks: list[Health],
) -> None:
    domain = Watched()
    for seen in looks:
        domain.look(seen)
    times = [at for at, _ in domain.changes]
    most = max(
        (sum(at <= one < at + timedelta(hours=6) for one in times) for at in times), default=0
    )

    assert most <= 3 * (len(CALM) - 1 + 6 + 1)  # each better one may come in two steps


def test_a_fault_at_every_second_look_is_said_once_and_stays_said() -> None:
    domain = Watched()
    for _ in range(100):
        domain.look(Health.FAILING)
        domain.look(Health.WELL)

    assert [health for _, health in domain.changes] == [Health.FAILING]


def test_the_first_fault_that_is_mended_is_over_at_the_second_good_look() -> None:
    domain = Watched()
    for seen in (Health.FAILING, Health.FAILING, Health.WELL, Health.WELL):
        domain.look(seen)

    assert [health for _, health in domain.changes] == [Health.FAILING, Health.WELL]


def test_each_relapse_makes_the_calm_that_is_needed_longer() -> None:
    domain = Watched()
    calms = []
    for _ in range(5):
        while domain.said is Health.WELL:
            domain.look(Health.FAILING)
        since = domain.now
        while domain.said is Health.FAILING:
            domain.look(Health.WELL)
        calms.append(NOW + domain.changes[-1][0] - since)

    assert calms == [*CALM, CALM[-1]]
