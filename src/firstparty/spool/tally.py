"""What ingest did not keep of each source, counted where it arrives, beside the ledger.

Refused requests and messages that privacy rules dropped are not in the log, so no reading of the
log tells of them. Each process counts for itself, in memory, and says its totals (``reports.py``):
one message for each source and process, replaced by the next.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from firstparty.spool.log import DurableLog
from firstparty.spool.reports import (
    Total,
    build_stream,
    name_process,
    open_streams,
    read_totals,
)

_NAME: Final = "tally"
_STREAM: Final = build_stream(
    _NAME,
    levels=2,
    max_bytes=64 * 1024**2,  # some 400,000 totals
    kept=timedelta(days=365),
)


class NotKept(msgspec.Struct, kw_only=True):
    """Of one source: requests that were refused, messages that its privacy rules dropped."""

    refused: int = 0
    privacy_dropped: int = 0


class Tally:
    """One process's totals, by source number."""

    streams: Final = (_STREAM,)

    def __init__(self) -> None:
        self._process = name_process()
        self._totals: dict[int, NotKept] = {}
        self._said: dict[int, bytes] = {}

    def count(self, source: int, *, refused: int = 0, privacy_dropped: int = 0) -> None:
        """Add to a source's totals."""
        total = self._totals.get(source)
        if total is None:
            total = self._totals[source] = NotKept()
        total.refused += refused
        total.privacy_dropped += privacy_dropped

    def find_due(self, now: datetime, *, is_last: bool) -> Sequence[Total]:
        """Every total that has changed since it was last said."""
        del now, is_last  # whatever has changed is said at once
        totals = [(source, msgspec.json.encode(one)) for source, one in self._totals.items()]
        return [
            Total(
                subject=f"{_NAME}.{source}.{self._process}",
                data=data,
                said=partial(self._said.__setitem__, source, data),
            )
            for source, data in totals
            if data != self._said.get(source)
        ]


async def read_tally(log: DurableLog, sources: Sequence[int]) -> dict[int, NotKept]:
    """The totals of these sources, of all processes together. Raises Unavailable."""
    await open_streams(log, (_STREAM,))
    totals: dict[int, NotKept] = {}
    for source in sources:
        total = totals[source] = NotKept()
        for data in await read_totals(log, _NAME, f"{_NAME}.{source}.*"):
            said = msgspec.json.decode(data, type=NotKept)
            total.refused += said.refused
            total.privacy_dropped += said.privacy_dropped
    return totals
