"""Visits of the site check to the small internet of ``site_lab``, and the browsers that run."""

from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Final

import psutil

from firstparty.outbound.http import SafeClient
from firstparty.sitecheck.check import Queue, Visited, check_page
from firstparty.sitecheck.observed import Bounds
from tests.fakes.chromium import CHROMIUM
from tests.fakes.site_lab import SiteLab

LONG: Final = timedelta(minutes=1)
# A busy machine takes its time: what a test waits for must not be cut off. A page that is to be
# waited for says so by an image that comes late (``SiteLab.hold``).
PATIENT: Final = Bounds(visit=LONG, start=LONG, request=LONG, quiet=timedelta(seconds=1))


async def visits_of(
    lab: SiteLab,
    url: str,
    *,
    folder: Path,
    bounds: Bounds | None = None,
    client: SafeClient | None = None,
    api_hosts: frozenset[str] = frozenset(),
) -> list[Visited]:
    """All visits of one check."""
    checked = check_page(
        url,
        binary=CHROMIUM,
        client=client or lab.client(),
        queue=Queue(lock=folder / "lock", patience=LONG),
        api_hosts=api_hosts,
        bounds=bounds or PATIENT,
        profiles=lab.profiles,
    )
    async with aclosing(checked):
        return [one async for one in checked]


def list_browsers(lab: SiteLab) -> list[int]:
    """The processes of this lab's browsers, whoever their parents are now."""
    place = str(lab.profiles)
    return [
        process.info["pid"]
        for process in psutil.process_iter(["pid", "cmdline"])
        if any(place in word for word in process.info["cmdline"] or ())
    ]
