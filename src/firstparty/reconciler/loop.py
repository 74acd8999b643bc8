"""The work loop: leases what is due, a bounded number at once, and sleeps till something is.

A domain that needs nothing costs nothing but its place in the index of what is due when.
"""

import asyncio
import contextlib
import time
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from firstparty.counts import Counts
from firstparty.reconciler.reconcile import Reconciler
from firstparty.store import work
from firstparty.telemetry import Log

LEASE: Final = timedelta(seconds=10)  # what a worker that was killed had is taken up after this
BEAT: Final = timedelta(seconds=3)  # leases are extended this often while their worker lives
CONCURRENCY: Final = 32
_POLL: Final = {"sqlite": timedelta(milliseconds=100)}  # a read of 0.2 ms
_POLL_OF_A_SERVER: Final = timedelta(seconds=1)
_RETRY_SECONDS: Final = 1.0
_MOST_STEPS: Final = 12  # more than a domain takes without a pause; then it is others' turn


class Loop:
    """One worker on the list of what is due; many may share one store."""

    def __init__(self, reconciler: Reconciler, counts: Counts | None = None) -> None:
        self._reconciler = reconciler
        self._counts = counts or Counts()
        self._counts.read_by(lambda: [(("reconciler_steps_under_way", ()), len(self._held))])
        self._store = reconciler.store
        self._log = Log("reconciler")
        self._held: set[work.Lease] = set()
        self._freed = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled; steps under way are cancelled then, and their leases given back."""
        try:
            await self._work_for_ever()
        finally:
            await asyncio.to_thread(self._give_back, frozenset(self._held))

    async def _work_for_ever(self) -> None:
        is_reachable = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_leases())
            while True:
                self._freed.clear()
                try:
                    leases, pause = await asyncio.to_thread(self._lease)
                except SQLAlchemyError as error:
                    if is_reachable:
                        self._log.warning("store.unreachable", error=type(error).__name__)
                    is_reachable = False
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                is_reachable = True
                for lease in leases:
                    self._held.add(lease)
                    group.create_task(self._work_on(lease))
                if not leases:
                    await self._sleep(pause)

    async def _keep_leases(self) -> None:
        """A step may take long; a worker that is dead, or stopped, keeps nothing."""
        while True:
            await asyncio.sleep(BEAT.total_seconds())
            held = frozenset(self._held)
            if held:
                with contextlib.suppress(SQLAlchemyError):  # then they run out, and are lost
                    await asyncio.to_thread(self._extend, held)

    def _extend(self, leases: frozenset[work.Lease]) -> None:
        now = self._reconciler.clock()
        with self._store.write() as connection:
            work.extend(connection, leases, now=now, lease=LEASE)

    def _lease(self) -> tuple[list[work.Lease], timedelta]:
        """What to work on now, and if nothing, how long there is nothing to do."""
        poll = _POLL.get(self._store.engine.dialect.name, _POLL_OF_A_SERVER)
        free = CONCURRENCY - len(self._held)
        if free <= 0:
            return [], poll
        now = self._reconciler.clock()
        with self._store.read() as connection:
            due_at = work.next_due_at(connection)
        if due_at is None or due_at > now:
            return [], poll if due_at is None else min(poll, due_at - now)
        with self._store.write() as connection:
            return work.lease_due(connection, now=now, lease=LEASE, limit=free), poll

    async def _sleep(self, pause: timedelta) -> None:
        """Until the pause is over or a step has ended: it may be due again at once."""
        try:
            async with asyncio.timeout(pause.total_seconds()):
                await self._freed.wait()
        except TimeoutError:
            pass

    def _give_back(self, leases: frozenset[work.Lease]) -> None:
        """Let somebody else go on at once; without the store they wait for the leases' end."""
        now = self._reconciler.clock()
        with contextlib.suppress(SQLAlchemyError), self._store.write() as connection:
            for lease in leases:
                work.release(connection, lease, now=now)

    async def _work_on(self, lease: work.Lease) -> None:
        """What is due now. What goes wrong with one domain must not stop the others."""
        began, became = time.monotonic(), "saved"
        try:
            if not await self._reconciler.work_on(lease, most_steps=_MOST_STEPS):
                became = "lost"
                self._log.warning("domain.lease_lost", domain=lease.domain_id)
        except SQLAlchemyError as error:
            became = "not_saved"
            self._log.warning(
                "domain.not_saved", domain=lease.domain_id, error=type(error).__name__
            )
        except Exception:  # noqa: BLE001 - a bug: said, and tried again when the lease runs out
            became = "failed"
            self._log.exception("domain.step_failed", domain=lease.domain_id)
        self._counts.add("reconciler_steps_total", became)
        self._counts.add("reconciler_step_seconds_total", by=time.monotonic() - began)
        # Not when cancelled: then it is still held, and given back when all have stopped.
        self._held.discard(lease)
        self._freed.set()
