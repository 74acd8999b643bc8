"""The role: follow the feed, read the log, deliver; start over when the log was away."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from firstparty.counts import Counts, Key
from firstparty.errors import Refused, Unavailable
from firstparty.forward.clock import Expiry
from firstparty.forward.directory import TOPICS, SourceDirectory
from firstparty.forward.dispatch import HOLD_AFTER, Dispatcher
from firstparty.forward.journal import Journal
from firstparty.forward.kinds import Places, open_upstream
from firstparty.forward.room import LOOK_EVERY, RoomWatch
from firstparty.forward.sending import Means
from firstparty.spool.beside import OwnServer
from firstparty.spool.log import join_log
from firstparty.spool.outcomes import Stuck, open_outcomes
from firstparty.spool.reports import report
from firstparty.spool.room import RoomNow, tell_room
from firstparty.store.follow import follow_feed
from firstparty.store.reader import FeedReader
from firstparty.telemetry import Log

_FEED_WITHIN: Final = timedelta(seconds=1)  # the snapshot alone takes milliseconds
_AWAY_SECONDS: Final = 1.0
# Fenced off, or a log that loses messages: an operator must act. Two forwarders of one log would
# take it from each other for ever, and this slowly they hardly hurt.
_REFUSED_SECONDS: Final = 30.0
_STUCK_SECONDS: Final = 5.0  # longer than our own server takes to start anew
_STEADY_SECONDS: Final = 10.0  # what stopped after that long is news, even if it happened before


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much, how long, and where to.

    ``outcomes_bytes`` is for records, dead letters and what is held, ``log_bytes`` for the log; who
    has less room than an outage of ``keep`` needs is warned.

    Messages are given up when their upstream was away for ``expire_after``; None: never.
    """

    outcomes_bytes: int = 1024**3
    log_bytes: int = 1024**3
    expire_after: timedelta | None = None
    hold_after: timedelta = HOLD_AFTER
    keep: timedelta = timedelta(hours=72)
    look_every: timedelta = LOOK_EVERY
    places: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """The machine that the forwarder runs on, and the dispatcher that runs now."""

    own_server: OwnServer | None
    room: RoomNow
    running: list[Dispatcher] = field(default_factory=list)

    def read_counts(self) -> list[tuple[Key, float]]:
        return [one for dispatcher in self.running for one in dispatcher.read_counts()]


async def serve_forward(
    *,
    feed: FeedReader,
    snapshot: Path,
    log_url: str,
    limits: Limits,
    own_server: OwnServer | None = None,
    room: RoomNow | None = None,
    counts: Counts | None = None,
) -> None:
    """Deliver what is in the log at ``log_url``, until cancelled.

    ``snapshot`` is the file where the feed's last state is kept. While the log is away it is asked
    for again and again; who is fenced off by another forwarder says so and waits. ``own_server``
    is ours on this machine, if it is; ``room`` and ``counts`` are kept up to date.
    """
    directory = SourceDirectory()
    async with open_upstream(limits.places) as upstream, asyncio.TaskGroup() as tasks:
        counts = counts or Counts()
        note = partial(_note_revision, counts)
        tasks.create_task(follow_feed(feed, TOPICS, snapshot, directory.apply, note=note))
        means = Means(
            directory=directory,
            upstream=upstream,
            expiry=None if limits.expire_after is None else Expiry(limits.expire_after),
            counts=counts,
        )
        here = _Here(own_server=own_server, room=room or RoomNow())
        counts.read_by(here.read_counts)
        tasks.create_task(_forward_for_ever(log_url, means, limits, here))
        tasks.create_task(report(log_url, means.traffic))


def _note_revision(counts: Counts, revision: int) -> None:
    counts.set("feed_revision", revision, "forward")


async def _forward_for_ever(url: str, means: Means, limits: Limits, here: _Here) -> None:
    clock = asyncio.get_running_loop().time
    # What is read before its source is known has to be read once more.
    await means.directory.wait_until_filled(within=_FEED_WITHIN)
    told = ""
    while True:
        began = clock()
        pause = _AWAY_SECONDS
        try:
            await _forward(url, means, limits, here)
        except* (Unavailable, Refused) as group:
            error = _first(group)
            if isinstance(error, Refused):
                pause = _REFUSED_SECONDS
            elif isinstance(error, Stuck):
                pause = _STUCK_SECONDS
                _mend_server(here.own_server)
            if str(error) != told or clock() - began > _STEADY_SECONDS:
                Log("forward").warning("forward.stopped", reason=error, pause_seconds=pause)
            told = str(error)
        # In Python 3.11 a task group that fails while it is cancelled tells of the failure only.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        await asyncio.sleep(pause)


def _mend_server(own_server: OwnServer | None) -> None:
    """Have a server that is stuck started anew, or say that somebody must."""
    if own_server is None:
        Log("forward").error("forward.log_stuck", then="restart the NATS server at spool.url")
    elif own_server.has_room():  # one without room is no better afterwards
        Log("forward").error("forward.log_stuck", then="nats-server is started anew")
        own_server.ask_for_restart()


async def _forward(url: str, means: Means, limits: Limits, here: _Here) -> None:
    durable = await join_log(url)
    try:
        outcomes = await open_outcomes(durable, max_bytes=limits.outcomes_bytes)
        journal = Journal(outcomes, durable)
        dispatcher = Dispatcher(durable, journal, means, hold_after=limits.hold_after)
        here.running.append(dispatcher)
        watch = RoomWatch(
            log=durable,
            shelves=journal,
            log_max_bytes=limits.log_bytes,
            own_server=here.own_server,
            wanted=limits.keep,
            now=here.room,
        )
        async with tell_room(durable.connection, here.room), asyncio.TaskGroup() as tasks:
            tasks.create_task(watch.run(dispatcher.count_read, every=limits.look_every))
            # Not a task of the group: in Python 3.11 a group of which one fails while nothing runs
            # in its block leaves us marked as being cancelled, and we would end for that.
            await dispatcher.run()
    finally:
        here.running.clear()
        await durable.close()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first plain exception in a group of groups."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
