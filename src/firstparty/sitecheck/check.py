"""A site's page in a browser of its own: one at a time on this machine, twice by each check.

The second visit says by Global Privacy Control that it wants no tracking, so that what the site
does about that is seen.
"""

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from firstparty.outbound.http import SafeClient
from firstparty.sitecheck.chromium import fresh_profile, running_chromium
from firstparty.sitecheck.egress import Egress
from firstparty.sitecheck.impostor import make_impostor
from firstparty.sitecheck.observed import Bounds, Visit
from firstparty.sitecheck.tracking import answer_locally
from firstparty.sitecheck.visit import visit_page
from firstparty.telemetry import Log

MAX_WAITING: Final = 4
_PATIENCE: Final = timedelta(seconds=10)
_STEP: Final = 0.2  # seconds between two tries for the machine's lock
_LOG: Final = Log("sitecheck")


class Busy(Exception):
    """Others are being checked, and the wait is too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """A page as it was seen: by anybody, or by a visitor who wants no tracking."""

    visit: Visit
    is_private: bool


@dataclass(slots=True, kw_only=True)
class Queue:
    """Whose turn it is; one of these a process."""

    lock: Path = field(
        default_factory=lambda: (
            Path(tempfile.gettempdir()) / f"firstparty-site-check-{os.geteuid()}.lock"
        )
    )
    patience: timedelta = _PATIENCE
    _waiting: int = 0

    @contextlib.asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for the turn; raises Busy where too many wait, or it does not come soon."""
        if self._waiting >= MAX_WAITING:
            raise Busy
        self._waiting += 1
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            held = os.open(self.lock, flags, 0o600)
        except BaseException:
            self._waiting -= 1
            raise
        try:
            try:
                async with asyncio.timeout(self.patience.total_seconds()):
                    while not _try_lock(held):  # noqa: ASYNC110 - another process has it
                        await asyncio.sleep(_STEP)
            except TimeoutError as error:
                raise Busy from error
            finally:
                self._waiting -= 1
            yield
        finally:
            os.close(held)


async def check_page(
    url: str,
    *,
    binary: str,
    client: SafeClient,
    queue: Queue,
    api_hosts: frozenset[str],
    bounds: Bounds | None = None,
    profiles: Path | None = None,
) -> AsyncGenerator[Visited, None]:
    """The visits to a page, each as soon as it is over.

    Raises Busy, and NotStarted of ``chromium``. What would be written to ``api_hosts`` stays here.
    The second is left out where the first saw no message. ``profiles`` is where the browser's
    is made; temporary files, if left out.
    """
    bounds = bounds or Bounds()
    async with queue.take():
        with fresh_profile(profiles) as profile:
            impostor = await asyncio.to_thread(make_impostor, profile)
            async with (
                Egress(
                    client=client,
                    tls=impostor.context,
                    answer=lambda asked: answer_locally(asked, api_hosts=api_hosts),
                    bounds=bounds,
                ) as egress,
                running_chromium(
                    binary,
                    profile=profile,
                    proxy_port=egress.port,
                    pin=impostor.pin,
                    within=bounds.start,
                ) as browser,
            ):
                for is_private in (False, True):
                    visit = await visit_page(
                        browser, egress, url, bounds=bounds, is_private=is_private
                    )
                    _LOG.info("sitecheck.visited", requests=len(visit.exchanges))
                    if visit.stopped:
                        _LOG.info("sitecheck.stopped", bound=visit.stopped)
                    yield Visited(visit=visit, is_private=is_private)
                    if not visit.messages:
                        return


def _try_lock(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
