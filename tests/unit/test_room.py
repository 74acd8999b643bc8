from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.doctor.checks import Verdict
from firstparty.forward.room import RoomWatch
from firstparty.serve.doctor import judge_room
from firstparty.spool.beside import OwnServer
from firstparty.spool.log import LogState
from firstparty.spool.room import Room, RoomNow, Sample, measure_rates

GIB = 1024**3
FIRST = Sample(at=100.0, last=1_000, groups=7, size=700, messages=70)
NUMBERS = st.integers(min_value=0, max_value=10**12)


def a_room(**changes: float | None) -> Room:
    told: dict[str, float | None] = {
        "disk_bytes": 40 * GIB,
        "limit_bytes": 20 * GIB,
        "bytes_per_second": 100_000.0,
        "messages_per_second": 100.0,
        "wanted_seconds": 72 * 3600.0,
    }
    return Room(**{**told, **changes})  # type: ignore[arg-type]  # by name, each of its own type


def test_the_rate_is_the_logs_and_the_size_that_of_what_was_read() -> None:
    # 600 groups arrived in a minute, of which 60 were read: 1,000 bytes and 2 messages each.
    last = Sample(at=160.0, last=1_600, groups=67, size=60_700, messages=190)

    assert measure_rates(FIRST, last) == (10_000.0, 20.0)


def test_a_backlog_that_is_read_at_once_is_not_taken_for_a_rate() -> None:
    last = replace(FIRST, at=160.0, groups=900_000, size=9 * GIB)

    assert measure_rates(FIRST, last) == (0.0, 0.0)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.floats(min_value=-1e9, max_value=1e9))
def test_no_samples_make_a_rate_that_is_negative(
    last: int, groups: int, size: int, messages: int, at: float
) -> None:
    first = Sample(at=0.0, last=5, groups=0, size=0, messages=0)
    rates = measure_rates(
        first, Sample(at=at, last=last, groups=groups, size=size, messages=messages)
    )

    assert min(rates) >= 0.0


def test_what_runs_out_first_counts_and_is_what_the_advice_is_about() -> None:
    by_limit, by_disk = a_room(), a_room(disk_bytes=GIB)

    assert (by_limit.free_bytes, by_disk.free_bytes) == (20 * GIB, GIB)
    assert "spool.max_bytes" in by_limit.advice
    assert "disk" in by_disk.advice
    assert a_room(disk_bytes=None).free_bytes == 20 * GIB
    assert a_room(disk_bytes=-5).free_bytes == 0


def test_the_sentence_says_how_long_and_of_what() -> None:
    assert a_room().sentence == (
        "There is room for 20.0 GiB more of messages that wait: 60 hours of an outage at the "
        "present 100.0 messages a second of 1,000 bytes each (72 hours are wanted)."
    )
    assert a_room(bytes_per_second=0.0).sentence.endswith("; none arrive now.")


@pytest.mark.parametrize(
    ("room", "verdict", "code"),
    [
        (a_room(), Verdict.WARN, "room-short"),
        (a_room(limit_bytes=30 * GIB), Verdict.PASS, ""),
        (a_room(bytes_per_second=0.0), Verdict.PASS, ""),
        (a_room(disk_bytes=0), Verdict.WARN, "room-short"),
        (None, Verdict.UNKNOWN, "room-unknown"),
    ],
)
def test_the_doctor_warns_of_too_little_room(
    room: Room | None, verdict: Verdict, code: str
) -> None:
    found = judge_room(room)

    assert (found.verdict, found.code) == (verdict, code)
    assert bool(found.fix) is (verdict is not Verdict.PASS)


@dataclass
class FilledLog:
    """A log and its shelves, as far as their sizes go."""

    max_bytes: int
    last: int = 0
    size_bytes: int = 0
    shelves_bytes: int = 0

    async def state(self) -> LogState:
        return LogState(first=1, last=self.last, size_bytes=self.size_bytes)

    async def room(self) -> int:
        return self.max_bytes - self.shelves_bytes


@dataclass
class Watched:
    """A watch of such a log, whose groups have 1,000 bytes and one message."""

    log: FilledLog
    own_server: OwnServer | None = None
    now: RoomNow = field(default_factory=RoomNow)
    minutes: int = 0

    def __post_init__(self) -> None:
        self.watch = RoomWatch(
            log=self.log,
            shelves=self.log,
            log_max_bytes=self.log.max_bytes,
            own_server=self.own_server,
            wanted=timedelta(hours=72),
            now=self.now,
        )

    async def minute(self, groups: int) -> Room:
        self.minutes += 1
        self.log.last += groups
        self.log.size_bytes += groups * 1_000
        read = (self.log.last, self.log.last * 1_000, self.log.last)
        await self.watch.look(read, at=self.minutes * 60.0)
        assert self.now.room is not None
        return self.now.room


async def test_too_little_room_is_said_once_an_hour_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    watched = Watched(FilledLog(max_bytes=GIB))
    rooms = [await watched.minute(1_000) for _ in range(100)]
    while (await watched.minute(0)).is_short:
        pass
    said = [record.message for record in caplog.records]

    assert not rooms[0].is_short  # one look says nothing of a rate
    assert all(room.is_short for room in rooms[1:])
    assert rooms[-1].messages_per_second == pytest.approx(1_000 / 60)
    assert said[:2] == ["forward.room_short"] * 2
    assert said.count("forward.room_enough") == 1
    assert said[-1] == "forward.room_enough"


async def test_what_waits_on_shelves_takes_room_too() -> None:
    watched = Watched(FilledLog(max_bytes=GIB, shelves_bytes=GIB - 5_000_000))

    assert (await watched.minute(1_000)).free_bytes == GIB - 1_000_000 + 5_000_000


async def test_a_disk_that_cannot_be_looked_at_is_no_limit(tmp_path: Path) -> None:
    gone = OwnServer(
        directory=tmp_path / "gone", min_free_bytes=0, restart_request=tmp_path / "restart"
    )
    watched = Watched(FilledLog(max_bytes=GIB), own_server=gone)

    assert (await watched.minute(1)).disk_bytes is None
    assert gone.has_room()
