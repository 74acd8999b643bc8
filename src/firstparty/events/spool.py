"""A reader's own way to the log and its outcomes, opened for one question and closed after it.

Nothing here is in the way of ingest or of the forwarder: all reads are direct gets.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from firstparty.spool.log import DurableLog, join_log
from firstparty.spool.outcomes import Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """The log, and what became of what is in it."""

    log: DurableLog
    outcomes: Outcomes


@asynccontextmanager
async def open_spool(url: str) -> AsyncIterator[Spool]:
    """The spool at ``url``. Raises Unavailable while it is away."""
    log = await join_log(url)
    try:
        yield Spool(log=log, outcomes=Outcomes(log))
    finally:
        await log.close()
