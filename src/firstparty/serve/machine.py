"""This machine as its operator sees it: processes by their metrics, the log, Analytics.js."""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import firstparty
from firstparty.cdn.bundles import PACKAGE, read_library, read_version, remove_version
from firstparty.cdn.install import install_version
from firstparty.cdn.versions import order_of
from firstparty.config.addresses import parse_address
from firstparty.config.settings import Settings
from firstparty.control.machine import EdgeState, MachineState, ProcessState, SpoolState
from firstparty.counts import Counts
from firstparty.errors import Unavailable
from firstparty.events.spool import Spool, open_spool
from firstparty.serve.directories import find_npm_packages
from firstparty.serve.metrics.child import read_text, socket_of
from firstparty.serve.metrics.counts import collect_counts
from firstparty.serve.metrics.process import collect_process
from firstparty.serve.metrics.text import render
from firstparty.serve.processes import NAME_VARIABLE
from firstparty.spool.entries import BadGroup, decode_group
from firstparty.spool.outcomes import Shelf
from firstparty.store import tables
from firstparty.store.engine import Store

_SECONDS: Final = 2.0
_SAMPLE: Final = re.compile(r"^firstparty_(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
_MISSING: Final = "not running: "

Found = Mapping[tuple[str, str], float]  # metric and last label, of one process


class ThisMachine:
    """See control.machine.Machine. ``counts`` are those of the process that this runs in."""

    def __init__(self, store: Store, settings: Settings, counts: Counts) -> None:
        self._store = store
        self._settings = settings
        self._counts = counts
        self._library = settings.state_directory / "cdn"

    def look(self, *, now: datetime) -> MachineState:
        """See Machine."""
        del now
        with self._store.read() as connection:
            published = connection.execute(tables.revision.select()).one_or_none()
        return asyncio.run(self._look(published.number if published else 0))

    def list_versions(self) -> Sequence[str]:
        """See Machine."""
        if not (self._library / "bundles").is_dir():
            return []
        return sorted(read_library(self._library).scripts, key=order_of, reverse=True)

    def find_own_version(self) -> str:
        """See Machine."""
        return read_version(find_npm_packages(self._settings) / PACKAGE)

    def install_version(self, version: str) -> str:
        """See Machine."""
        return install_version(version, self._library)

    def remove_version(self, version: str) -> None:
        """See Machine."""
        remove_version(self._library, version)

    async def _look(self, published: int) -> MachineState:
        own = [*collect_process(), *collect_counts(self._counts, ())]
        name = os.environ.get(NAME_VARIABLE, "control")
        run = self._settings.run_directory
        others = [path for path in run.glob("m-*.sock") if path != socket_of(run, os.getpid())]
        texts = await asyncio.gather(*(read_text(path, seconds=_SECONDS) for path in others))
        processes = dict(map(_parse, (render(own, process=name), *filter(None, texts))))
        return MachineState(
            version=firstparty.__version__,
            processes=[_process(name, one, published) for name, one in sorted(processes.items())],
            missing=await self._ask_missing(),
            edge=next(
                (_edge(one, published) for name, one in processes.items() if "ads" in name), None
            ),
            spool=await self._look_at_spool(),
        )

    async def _ask_missing(self) -> Sequence[str] | None:
        """What the supervisor says does not run; None if it does not answer."""
        listen = self._settings.metrics.listen
        if not listen:
            return None
        address = parse_address(listen, key="metrics.listen")
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_SECONDS):
                reader, writer = await asyncio.open_connection(address.host, address.port)
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = (await reader.read()).decode("utf-8", "replace")
                writer.close()
                _, _, told = answer.partition(_MISSING)
                return [one.strip() for one in told.split(",") if one.strip()]
        return None

    async def _look_at_spool(self) -> SpoolState | None:
        try:
            async with open_spool(self._settings.spool.log_url) as spool:
                return await self._read_spool(spool)
        except Unavailable:
            return None

    async def _read_spool(self, spool: Spool) -> SpoolState:
        state = await spool.log.state()
        oldest = await spool.log.read(after=state.first - 1, max_groups=1)
        held = await spool.outcomes.sources_on(Shelf.HELD)
        disk = os.statvfs(self._settings.state_directory)
        return SpoolState(
            groups=state.last - state.first + 1,
            size_bytes=state.size_bytes,
            max_bytes=self._settings.spool.max_bytes,
            oldest_at=_received_at(oldest[0].data) if oldest else None,
            disk_free_bytes=disk.f_bavail * disk.f_frsize,
            min_free_bytes=self._settings.spool.min_free_bytes,
            held=tuple(sorted(held)),
        )


def _received_at(group: bytes) -> datetime | None:
    try:
        return decode_group(group)[0].received_at
    except (BadGroup, IndexError):
        return None


def _parse(text: str) -> tuple[str, Found]:
    """The name of a process, and what it tells."""
    name, found = "", {}
    for metric, labels, value in _SAMPLE.findall(text):
        named = dict(_LABEL.findall(labels))
        name = named.pop("process", name)
        found[metric, "".join(list(named.values())[-1:])] = float(value)
    return name, found


def _process(name: str, found: Found, published: int) -> ProcessState:
    revisions = [value for (metric, _), value in found.items() if metric == "feed_revision"]
    return ProcessState(
        name=name,
        started_at=datetime.fromtimestamp(found["process_start_time_seconds", ""], UTC),
        cpu_seconds=found["process_cpu_seconds_total", ""],
        max_memory_bytes=int(found["process_max_resident_memory_bytes", ""]),
        behind=max(0, published - int(min(revisions))) if revisions else None,
    )


def _edge(found: Found, published: int) -> EdgeState:
    at = found.get(("edge_last_acknowledged_timestamp_seconds", ""), 0.0)
    return EdgeState(
        envoys=int(found.get(("edge_envoys", ""), 0)),
        hosts=int(found.get(("edge_hosts", ""), 0)),
        certificates=int(found.get(("edge_certificates", ""), 0)),
        acknowledged=int(found.get(("edge_responses_total", "acknowledged"), 0)),
        rejected=int(found.get(("edge_responses_total", "rejected"), 0)),
        acknowledged_at=datetime.fromtimestamp(at, UTC) if at else None,
        behind=max(0, published - int(found.get(("feed_revision", "ads"), 0))),
    )
