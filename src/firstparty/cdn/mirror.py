"""The upstream CDN, mirrored: one request up for each thing, however many ask for it here.

What was ever good is served while the upstream is slow, broken, or gone (RFC 5861); what the
upstream says it does not have is believed, for seconds.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from firstparty.cdn.assets import Asset, AssetCache
from firstparty.cdn.bodies import Body, Unfit, parse_body
from firstparty.cdn.cache import Copy, CopyCache, Use, judge
from firstparty.cdn.resources import Resource
from firstparty.cdn.upstream import CdnUpstream, Failed, Fetched, Missing, Unchanged, open_upstream
from firstparty.telemetry import Log

_PATIENCE: Final = 1.0  # seconds that a visitor waits for news of what we have an old copy of
_ABSENT_FOR: Final = timedelta(seconds=5)
_MAX_ABSENT: Final = 10_000
_MAX_GUESSES: Final = 64  # requests under way for paths that visitors can make up
_LOG_PAUSE: Final = timedelta(seconds=10)


class Absence(StrEnum):
    """Why there is nothing to serve."""

    MISSING = "missing"  # the upstream has no such thing
    UNREACHABLE = "unreachable"  # it gave no good answer, and there is no copy


class _Damaged(Exception):
    """The disk does not hold the copy that was kept."""


Clock = Callable[[], datetime]


class Mirror:
    """Serves copies, and has each renewed by at most one request at a time."""

    def __init__(
        self,
        upstream: CdnUpstream,
        cache: CopyCache,
        assets: AssetCache,
        *,
        tasks: asyncio.TaskGroup,
        clock: Clock,
    ) -> None:
        self._upstream = upstream
        self._cache = cache
        self._assets = assets
        self._tasks = tasks
        self._clock = clock
        self._flights: dict[str, asyncio.Task[Copy | Absence]] = {}
        self._absent: OrderedDict[str, tuple[Absence, datetime]] = OrderedDict()
        self._guesses = 0
        self._quiet_until: datetime | None = None

    async def get(
        self, resource: Resource, build: Callable[[Body], Asset], *, key: Hashable = None
    ) -> Asset | Absence:
        """What ``build`` makes of the resource; ``key`` names all else that it depends on."""
        for _ in range(2):
            copy = await self._find(resource)
            if isinstance(copy, Absence):
                return copy
            try:
                return await self._assets.get(
                    ("mirror", copy.url, copy.digest, key),
                    partial(self._build, resource, copy, build),
                )
            except _Damaged:
                # What is under way may rest on it: an entity tag was sent for what is no more.
                if (flight := self._flights.get(copy.url)) is not None:
                    await asyncio.wait({flight})
                await self._forget(copy)
        return Absence.UNREACHABLE

    def _build(self, resource: Resource, copy: Copy, build: Callable[[Body], Asset]) -> Asset:
        raw = self._cache.read(copy)
        if raw is None:
            raise _Damaged
        return build(parse_body(resource.kind, raw, content_type="", content_encoding=""))

    async def _find(self, resource: Resource) -> Copy | Absence:
        now = self._clock()
        copy = self._cache.find(resource.url)
        if copy is None:
            if (absence := self._known_absence(resource.url, now)) is not None:
                return absence
            return await asyncio.shield(self._ask(resource, copy))
        use = judge(copy, now=now, fresh_for=resource.fresh_for)
        if use is Use.SERVE or self._known_absence(resource.url, now):
            return copy
        flight = self._ask(resource, copy)
        if use is Use.ASK_FIRST:
            await asyncio.wait({flight}, timeout=_PATIENCE)
            if flight.done() and flight.result() is not Absence.UNREACHABLE:
                return flight.result()
        return copy

    def _known_absence(self, url: str, now: datetime) -> Absence | None:
        absence, until = self._absent.get(url, (None, now))
        return absence if until > now else None

    def _ask(self, resource: Resource, copy: Copy | None) -> asyncio.Task[Copy | Absence]:
        """The request that is under way for this resource, or a new one."""
        if (flight := self._flights.get(resource.url)) is None:
            flight = self._tasks.create_task(self._fly(resource, copy))
            self._flights[resource.url] = flight
        return flight

    async def _fly(self, resource: Resource, copy: Copy | None) -> Copy | Absence:
        is_guess = copy is None and not resource.is_countable
        self._guesses += is_guess
        try:
            if is_guess and self._guesses > _MAX_GUESSES:
                return Absence.UNREACHABLE
            found = await self._renew(resource, copy)
        except Exception:  # noqa: BLE001 - the rim of a task: one resource fails, logged, alone
            Log("cdn").exception("cdn.mirror_failed", resource=resource.label)
            found = Absence.UNREACHABLE
        finally:
            self._guesses -= is_guess
            del self._flights[resource.url]
        self._note(resource.url, found)
        return found

    async def _renew(self, resource: Resource, copy: Copy | None) -> Copy | Absence:
        outcome = await self._upstream.fetch(resource.url, etag=copy.etag if copy else "")
        match outcome:
            case Fetched():
                return await self._keep(resource, outcome)
            case Unchanged():
                assert copy is not None  # its entity tag was sent
                return await self._touch(resource, copy)
            case Missing():
                if copy is not None:
                    await self._forget(copy)
                return Absence.MISSING
            case Failed(reason=reason):
                return self._fail(resource, reason)

    async def _keep(self, resource: Resource, fetched: Fetched) -> Copy | Absence:
        try:
            await asyncio.to_thread(
                parse_body,
                resource.kind,
                fetched.raw,
                content_type=fetched.content_type,
                content_encoding=fetched.content_encoding,
            )
            copy = await asyncio.to_thread(
                self._cache.save, resource.url, fetched.raw, etag=fetched.etag, now=self._clock()
            )
        except Unfit as unfit:
            return self._fail(resource, str(unfit))
        except OSError as error:
            return self._fail(resource, f"the copy cannot be written: {error.strerror}")
        return await self._put(copy)

    async def _touch(self, resource: Resource, copy: Copy) -> Copy | Absence:
        try:
            if self._has(copy):
                touched = await asyncio.to_thread(self._cache.touch, copy, now=self._clock())
                return await self._put(touched)
        except FileNotFoundError:
            pass  # damaged and removed meanwhile: the whole body is needed after all
        except OSError as error:
            return self._fail(resource, f"the copy cannot be written: {error.strerror}")
        return await self._renew(resource, None)

    def _has(self, copy: Copy) -> bool:
        there = self._cache.find(copy.url)
        return there is not None and there.digest == copy.digest

    async def _put(self, copy: Copy) -> Copy:
        await asyncio.to_thread(self._cache.remove, self._cache.put(copy))
        return copy

    async def _forget(self, copy: Copy) -> None:
        if self._has(copy):
            await asyncio.to_thread(self._cache.remove, self._cache.forget(copy.url))

    def _fail(self, resource: Resource, reason: str) -> Absence:
        now = self._clock()
        if self._quiet_until is None or now >= self._quiet_until:
            self._quiet_until = now + _LOG_PAUSE
            Log("cdn").warning("cdn.upstream_failed", resource=resource.label, reason=reason)
        return Absence.UNREACHABLE

    def _note(self, url: str, found: Copy | Absence) -> None:
        self._absent.pop(url, None)
        if isinstance(found, Absence):
            self._absent[url] = (found, self._clock() + _ABSENT_FOR)
        if len(self._absent) > _MAX_ABSENT:
            self._absent.popitem(last=False)


@asynccontextmanager
async def open_mirror(folder: Path, assets: AssetCache, *, clock: Clock) -> AsyncIterator[Mirror]:
    """The mirror whose copies are in ``folder``; what is under way at the end is cut off."""
    cache = CopyCache(folder)
    await asyncio.to_thread(cache.load)
    async with open_upstream() as upstream, asyncio.TaskGroup() as tasks:
        mirror = Mirror(upstream, cache, assets, tasks=tasks, clock=clock)
        try:
            yield mirror
        finally:
            for flight in list(mirror._flights.values()):  # noqa: SLF001 - the same module
                flight.cancel()
