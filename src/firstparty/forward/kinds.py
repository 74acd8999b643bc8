"""Every kind of upstream behind one: which it is, the source says."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from firstparty import __version__
from firstparty.forward.delivery import Answer
from firstparty.forward.files import FileUpstream
from firstparty.forward.sending import Upstream
from firstparty.forward.upstream import HttpPoster, PublicResolver, TrackingUpstream
from firstparty.forward.webhook import WebhookUpstream
from firstparty.model.feed import EdgeSource
from firstparty.model.upstreams import UpstreamKind, find_kind
from firstparty.store.sealing import Sealer

_END_FILES_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where messages may go.

    ``regions`` maps a region to the operator's own upstream of it: these may have any address, and
    never get what is of another region. ``files`` is the directory for files. ``sealer`` is the
    edge's: it opens the secrets of webhooks.
    """

    regions: Mapping[str, str] = field(default_factory=dict)
    files: Path | None = None
    allow_private: bool = False
    sealer: Sealer


class AnyUpstream:
    """Hands each batch to the kind of upstream that its source has."""

    def __init__(
        self, kinds: Mapping[UpstreamKind, Upstream], *, regions: Mapping[str, str]
    ) -> None:
        self._kinds = kinds
        self._regions = regions

    async def send(
        self, source: EdgeSource, texts: Sequence[bytes], *, sent_at: datetime
    ) -> Answer:
        """Deliver, unless the source's region forbids it."""
        if is_foreign(source, self._regions):
            return Answer(refusal=f"{source.upstream} is not of the region {source.region}")
        return await self._kinds[find_kind(source.upstream)].send(source, texts, sent_at=sent_at)


def is_foreign(source: EdgeSource, regions: Mapping[str, str]) -> bool:
    """Whether the upstream belongs to another region than the source's."""
    own = regions.get(source.region)
    return source.upstream != own and source.upstream in regions.values() and own is not None


@asynccontextmanager
async def open_upstream(places: Places) -> AsyncIterator[AnyUpstream]:
    """Every kind of upstream, with connections and files that are kept and closed at the end."""
    hosts = {URL(origin).host or "" for origin in places.regions.values()}
    trusted: Collection[str] | None = None if places.allow_private else hosts
    files = FileUpstream(places.files)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, resolver=None if trusted is None else PublicResolver(trusted)
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"firstparty/{__version__}"},
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        poster = HttpPoster(session, trusted=trusted)
        kinds: dict[UpstreamKind, Upstream] = {
            UpstreamKind.TRACKING: TrackingUpstream(poster),
            UpstreamKind.WEBHOOK: WebhookUpstream(poster, places.sealer),
            UpstreamKind.NDJSON: files,
            UpstreamKind.PARQUET: files,
        }
        ending = asyncio.create_task(_end_files(files))
        try:
            yield AnyUpstream(kinds, regions=places.regions)
        finally:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
            await files.close()


async def _end_files(files: FileUpstream) -> None:
    while True:
        await asyncio.sleep(_END_FILES_SECONDS)
        await files.end_old()
