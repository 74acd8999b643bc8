"""The role: follow the feed, read the log, deliver; start over when the log was away."""

import asyncio
from pathlib import Path
from typing import Final

from firstparty.errors import Refused, Unavailable
from firstparty.forward.directory import SourceDirectory
from firstparty.forward.dispatch import Dispatcher
from firstparty.forward.journal import Journal
from firstparty.forward.source import Upstream
from firstparty.forward.upstream import open_upstream
from firstparty.model.feed import Topic
from firstparty.spool.log import DurableLog, connect
from firstparty.spool.outcomes import Fenced, open_outcomes
from firstparty.store.engine import Store
from firstparty.store.follow import follow_feed
from firstparty.telemetry import Log

MAX_OUTCOMES_BYTES: Final = 1024**3  # records are truncated; this is room for dead letters
# Two forwarders of one log would take it from each other; this slowly, people notice first.
_FENCED_SECONDS: Final = 30.0
_REFUSED_SECONDS: Final = 30.0


async def serve_forward(*, store: Store, snapshot: Path, log_url: str) -> None:
    """Deliver what is in the log at ``log_url``, until cancelled.

    ``snapshot`` is the file where the feed's last state is kept. While the log is away it is asked
    for again and again; who is fenced off by another forwarder says so and waits.
    """
    directory = SourceDirectory()
    async with open_upstream() as upstream, asyncio.TaskGroup() as tasks:
        tasks.create_task(follow_feed(store, [Topic.EDGE], snapshot, directory.apply))
        tasks.create_task(_forward_for_ever(log_url, directory, upstream))


async def _forward_for_ever(url: str, directory: SourceDirectory, upstream: Upstream) -> None:
    log = Log("forward")
    is_away = False
    while True:
        try:
            await _forward(url, directory, upstream)
        except* Unavailable as group:
            error = _first(group)
            if not is_away:
                log.warning("forward.log_away", error=error)
            is_away = True
            pause = 1.0
        except* Fenced as group:
            log.error("forward.fenced", error=_first(group))
            pause = _FENCED_SECONDS
        except* Refused as group:
            log.error("forward.log_refused", error=_first(group))
            pause = _REFUSED_SECONDS
        await asyncio.sleep(pause)


async def _forward(url: str, directory: SourceDirectory, upstream: Upstream) -> None:
    durable = DurableLog(await connect(url))
    try:
        outcomes = await open_outcomes(durable, max_bytes=MAX_OUTCOMES_BYTES)
        await Dispatcher(durable, Journal(outcomes, durable), directory, upstream).run()
    finally:
        await durable.close()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first plain exception in a group of groups."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
