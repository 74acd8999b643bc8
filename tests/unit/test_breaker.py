from datetime import timedelta

from firstparty.forward.breaker import MAX_PROBE_AFTER, OPENS_AFTER, Breakers, is_up
from firstparty.forward.delivery import Answer

HERE, ELSEWHERE = "https://a.test", "https://b.test"


def fail(breakers: Breakers, times: int, *, now: float = 0.0) -> None:
    for _ in range(times):
        breakers.report(HERE, is_up=False, now=now, jitter=1)


def test_a_few_failures_keep_nobody_from_asking() -> None:
    breakers = Breakers()
    fail(breakers, OPENS_AFTER - 1)

    assert breakers.admit(HERE, now=0) is None
    assert breakers.admit(HERE, now=0) is None
    assert not breakers.is_open(HERE)


def test_a_dead_upstream_is_asked_by_one_at_a_time_and_no_other_is_concerned() -> None:
    breakers = Breakers()
    fail(breakers, OPENS_AFTER)

    assert breakers.admit(HERE, now=0) is not None
    assert breakers.admit(ELSEWHERE, now=0) is None
    assert breakers.admit(HERE, now=1) is None
    assert breakers.admit(HERE, now=1) is not None
    fail(breakers, 1, now=1)
    assert breakers.admit(HERE, now=1) is not None


def test_it_is_asked_ever_less_often_and_at_least_each_minute() -> None:
    breakers = Breakers()
    fail(breakers, OPENS_AFTER)
    gaps, now, last = [], 0.0, 0.0
    while len(gaps) < 12:
        if breakers.admit(HERE, now=now) is None:
            gaps.append(now - last)
            last = now
            fail(breakers, 1, now=now)
        now += 0.25

    assert gaps == sorted(gaps)
    assert timedelta(seconds=gaps[-1]) == MAX_PROBE_AFTER


def test_one_answer_lets_everybody_go_on() -> None:
    breakers = Breakers()
    fail(breakers, OPENS_AFTER)
    breakers.admit(HERE, now=10)
    breakers.report(HERE, is_up=True, now=10, jitter=1)

    assert not breakers.is_open(HERE)
    assert breakers.admit(HERE, now=10) is None


def test_who_gave_up_asking_leaves_it_to_another() -> None:
    breakers = Breakers()
    fail(breakers, OPENS_AFTER)
    breakers.admit(HERE, now=10)
    breakers.withdraw(HERE)

    assert breakers.admit(HERE, now=10) is None


def test_whoever_answers_is_up_unless_it_says_that_nobody_is_behind_it() -> None:
    assert is_up(Answer(status=200))
    assert is_up(Answer(status=400))
    assert is_up(Answer(status=429))
    assert is_up(Answer(status=500))
    assert not is_up(Answer(status=503))
    assert not is_up(Answer(error="refused"))
