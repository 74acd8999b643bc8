"""The forwarder while the machine's clock is set: what is too old, and when a batch was sent."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.forward.batch import Prepared
from firstparty.forward.clock import CautiousClock, Expiry, SendingClock, is_ahead
from firstparty.forward.expand import BadMessage, Message, Origin, Position
from firstparty.forward.files import next_stamp
from firstparty.forward.sending import count_of_one_clock
from tests.builders import NOW
from tests.forwarding import an_entry

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Machine:
    """A wall clock that is set now and then, and one that only runs."""

    def __init__(self) -> None:
        self.wall, self.steady = NOW, 1_000.0

    def run(self, by: timedelta) -> None:
        self.wall += by
        self.steady += by.total_seconds()

    def set(self, by: timedelta) -> None:
        self.wall += by


def watch(expiry: Expiry, machine: Machine, received: datetime, *, during: timedelta) -> bool:
    """Whether the message expired at any of the looks, one a minute, as while an upstream is away.

    A look is the last thing that happens.
    """
    found = False
    for _ in range(during // timedelta(minutes=1)):
        machine.run(timedelta(minutes=1))
        found = found or expiry.is_over(received, wall=machine.wall, steady=machine.steady)
    return found


def test_a_message_expires_when_it_is_too_old() -> None:
    machine, expiry = Machine(), Expiry(2 * DAY)

    assert not watch(expiry, machine, NOW, during=2 * DAY)
    assert watch(expiry, machine, NOW, during=timedelta(minutes=2))


@pytest.mark.parametrize("step", [3 * HOUR, 3 * DAY, 3_650 * DAY])
def test_a_wrong_step_forward_expires_nothing_for_six_hours(step: timedelta) -> None:
    machine, expiry = Machine(), Expiry(DAY)
    watch(expiry, machine, NOW, during=8 * HOUR)
    received = machine.wall
    machine.set(step)
    early = watch(expiry, machine, received, during=5 * HOUR)
    machine.set(-step)
    corrected = watch(expiry, machine, received, during=18 * HOUR)

    assert not early
    assert not corrected
    # Control: the same clock finds what is too old indeed.
    assert watch(expiry, machine, received, during=2 * HOUR)


def test_a_step_forward_that_stands_is_believed() -> None:
    machine, expiry = Machine(), Expiry(DAY)
    watch(expiry, machine, NOW, during=8 * HOUR)
    machine.set(3 * DAY)

    assert watch(expiry, machine, NOW, during=7 * HOUR)


def test_a_clock_that_is_wrong_from_the_start_is_not_believed_at_once() -> None:
    machine, expiry = Machine(), Expiry(DAY)
    machine.set(30 * DAY)

    assert not watch(expiry, machine, NOW, during=5 * HOUR)


def test_a_step_back_counts_at_once() -> None:
    machine, clock = Machine(), CautiousClock(caution=HOUR)
    clock.read(wall=machine.wall, steady=machine.steady)
    machine.run(HOUR)
    assert clock.read(wall=machine.wall, steady=machine.steady) == machine.wall
    machine.set(-3 * HOUR)

    assert clock.read(wall=machine.wall, steady=machine.steady) == machine.wall


@given(st.lists(st.tuples(st.integers(-5_000, 5_000), st.integers(0, 5_000)), max_size=30))
def test_it_is_never_later_than_the_clock_says(steps: list[tuple[int, int]]) -> None:
    machine, clock = Machine(), CautiousClock(caution=HOUR)
    for step, runs in steps:
        machine.set(timedelta(seconds=step))
        machine.run(timedelta(seconds=runs))
        read = clock.read(wall=machine.wall, steady=machine.steady)

        assert read is None or read <= machine.wall + timedelta(microseconds=1)


def test_a_batch_is_never_sent_before_it_was_received() -> None:
    machine = Machine()
    received = machine.wall
    machine.set(-2 * HOUR)
    clock = SendingClock(received, wall=machine.wall, steady=machine.steady)
    machine.run(timedelta(seconds=3))

    assert clock.read(steady=machine.steady) == received + timedelta(seconds=3)


@pytest.mark.parametrize("step", [-5 * HOUR, 5 * HOUR])
def test_between_two_tries_passes_as_much_time_as_really_did(step: timedelta) -> None:
    machine = Machine()
    received = machine.wall
    machine.run(HOUR)
    clock = SendingClock(received, wall=machine.wall, steady=machine.steady)
    first = clock.read(steady=machine.steady)
    machine.set(step)
    machine.run(HOUR)

    assert first == received + HOUR
    assert clock.read(steady=machine.steady) == received + 2 * HOUR


def a_message(received: datetime) -> Prepared:
    entry = an_entry(1, b"{}", received_at=received)
    message = Message(position=Position(1, 0, 0), origin=Origin(entry=entry), raw=b"{}")
    return Prepared(message, b"{}")


def a_bad_message() -> BadMessage:
    origin = Origin(entry=an_entry(1, b"{}", received_at=NOW + DAY))
    return BadMessage(position=Position(1, 0, 0), origin=origin, raw=b"", reason="unreadable")


def test_what_came_by_a_clock_that_was_set_back_since_goes_in_a_batch_of_its_own() -> None:
    past, future = a_message(NOW - HOUR), a_message(NOW + HOUR)
    bad = a_bad_message()

    assert count_of_one_clock([past, past, future, past], wall=NOW) == 2
    assert count_of_one_clock([future, bad, future, past], wall=NOW) == 3
    assert count_of_one_clock([past, bad, past], wall=NOW) == 3
    assert count_of_one_clock([bad, past, bad, future], wall=NOW) == 3
    # Two machines' clocks differ by a little: that is one clock.
    assert not is_ahead(NOW + timedelta(milliseconds=500), wall=NOW)


def test_files_are_named_in_the_order_in_which_they_are_written_though_the_clock_is_set() -> None:
    machine = Machine()
    names: list[str] = []
    for step in (HOUR, -3 * HOUR, -DAY, timedelta(), 2 * DAY, -DAY):
        machine.set(step)
        names.append(f"{next_stamp(reversed(names), now=machine.wall)}-0a1b2c3d.ndjson")

    assert names == sorted(names)
    assert len({name[:22] for name in names}) == len(names)


def test_what_somebody_else_put_beside_the_files_names_none() -> None:
    others = ["99999999T999999999999Z-x.ndjson", "README", "", "20261122T"]

    assert next_stamp(others, now=datetime(2026, 1, 2, 3, 4, 5, 6, UTC)) == "20260102T030405000006Z"
