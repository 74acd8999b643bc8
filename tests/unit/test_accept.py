"""Group commit: who shares a group, when it begins, and that everybody is told once."""

import asyncio
import random
from itertools import count

import pytest

from firstparty.errors import Unavailable
from firstparty.ingest.accept import Committer, count_wanted, gathering_seconds
from firstparty.spool.entries import Framed
from tests.fakes.appender import MemoryAppender

ENTRY: Framed = (b"header", b"body")
FOR_EVER = 3_600.0


class Subject:
    """A committer with numbered messages, and which numbers were told what."""

    def __init__(self, patience: float) -> None:
        self.appender = MemoryAppender()
        self.settled: list[tuple[int, bool]] = []
        self.groups: list[int] = []
        self.committer = Committer[int](self._settle, patience=lambda _: patience)
        self.committer.use(self.appender)
        self._numbers = count()

    def _settle(self, waiting: list[int], reason: Unavailable | None) -> None:
        self.groups.append(len(waiting))
        self.settled += [(number, reason is None) for number in waiting]

    async def send(self, messages: int) -> None:
        for _ in range(messages):
            self.committer.submit(ENTRY, next(self._numbers))
        await self.turn()

    async def turn(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)


async def test_those_that_were_answered_together_share_the_next_group() -> None:
    subject = Subject(FOR_EVER)
    await subject.send(5)

    for _ in range(4):
        await subject.send(1)
    assert subject.groups == [5]
    await subject.send(1)

    assert subject.groups == [5, 5]


async def test_those_that_came_meanwhile_and_those_that_were_answered_become_one_group() -> None:
    subject = Subject(FOR_EVER)
    subject.appender.is_held = True
    await subject.send(3)
    await subject.send(2)  # while those are stored
    subject.appender.is_held = False
    subject.appender.release()
    await subject.turn()

    await subject.send(2)
    assert subject.groups == [3]
    await subject.send(1)

    assert subject.groups == [3, 5]


async def test_nobody_waits_longer_than_the_patience_for_those_that_do_not_come() -> None:
    subject = Subject(0.0)
    await subject.send(5)

    await subject.send(2)

    async with asyncio.timeout(30):
        while subject.groups != [5, 2]:
            await asyncio.sleep(0)


async def test_a_single_message_behind_a_single_one_waits_for_nobody() -> None:
    subject = Subject(FOR_EVER)

    for _ in range(3):
        await subject.send(1)

    assert subject.groups == [1, 1, 1]


async def test_a_message_behind_a_quiet_time_waits_for_nobody() -> None:
    subject = Subject(0.0)
    await subject.send(5)
    async with asyncio.timeout(30):
        while subject.committer._needed != 1:  # the patience is over
            await asyncio.sleep(0)

    await subject.send(1)

    assert subject.groups == [5, 1]


async def test_behind_a_full_group_the_rest_waits_for_nobody() -> None:
    subject = Subject(FOR_EVER)
    subject.appender.max_group_bytes = 64 + 3 * sum(map(len, ENTRY))

    await subject.send(5)
    await subject.turn()

    assert subject.groups == [3, 2]


async def test_behind_a_group_that_was_refused_nobody_waits() -> None:
    subject = Subject(FOR_EVER)
    subject.appender.is_down = True
    await subject.send(5)
    subject.appender.is_down = False

    await subject.send(1)

    assert subject.settled == [*((number, False) for number in range(5)), (5, True)]


@pytest.mark.parametrize("patience", [0.0, 0.0005, FOR_EVER])
async def test_everybody_is_told_once_in_the_order_of_coming(patience: float) -> None:
    subject = Subject(patience)
    subject.appender.is_held = True
    choose = random.Random(7)

    sent = 0
    for _ in range(500):
        messages = choose.randrange(4)
        sent += messages
        await subject.send(messages)
        assert len(subject.appender.in_flight) <= 1
        if choose.random() < 0.5:
            subject.appender.is_down = choose.random() < 0.2
            subject.appender.release()
    subject.appender.is_held, subject.appender.is_down = False, False
    subject.appender.release()
    await subject.send(sent)  # as many as any group had
    await subject.committer.drain()

    assert [number for number, _ in subject.settled] == list(range(2 * sent))


@pytest.mark.parametrize(
    ("answered", "pending", "expected"),
    [(1, 0, 1), (0, 0, 0), (5, 0, 5), (3, 2, 5), (300, 200, 64)],
)
def test_a_group_waits_for_who_may_come_and_never_for_more_than_are_enough(
    answered: int, pending: int, expected: int
) -> None:
    assert count_wanted(answered, pending) == expected


@pytest.mark.parametrize(
    ("commit", "expected"), [(0.0, 0.0), (0.0002, 0.0006), (0.001, 0.003), (5.0, 0.005)]
)
def test_gathering_takes_a_few_times_as_long_as_storing_and_never_long(
    commit: float, expected: float
) -> None:
    seconds = gathering_seconds(commit)

    assert seconds == pytest.approx(expected)
