"""Which hosts take messages, and with which write keys: kept from the edge feed."""

import asyncio
import base64
import binascii
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from firstparty.ingest.cors import CorsPolicy
from firstparty.ingest.privacy import Cleaner
from firstparty.model.feed import AnySource, EdgeDomain, EdgeSource, FeedEntry, HostKind, Topic
from firstparty.model.privacy import NO_RULES
from firstparty.spool.meter import HostMeter, Meters, Part
from firstparty.spool.traffic import Cells
from firstparty.telemetry import Log

TOPICS: Final = (Topic.EDGE, Topic.SOURCES)
_BASIC: Final = b"basic "


class Sources:
    """Sources by write key, and the rules of those that have any."""

    def __init__(self) -> None:
        self.numbers: Final[dict[bytes, int]] = {}
        # Only sources that have rules: whatever is of another is stored as it came.
        self.cleaners: Final[dict[int, Cleaner]] = {}
        self.rates: Final[dict[int, int]] = {}  # messages a second, of sources with a limit
        self.workspaces: Final[dict[int, str]] = {}

    def put(self, source: EdgeSource, workspace: str) -> None:
        """Add a source, or replace it."""
        self.numbers[source.write_key.encode()] = source.number
        self.workspaces[source.number] = workspace
        self.cleaners.pop(source.number, None)
        self.rates.pop(source.number, None)
        if source.privacy != NO_RULES:
            self.cleaners[source.number] = Cleaner(source.privacy)
        if source.messages_per_second:
            self.rates[source.number] = source.messages_per_second


class ApiHost:
    """One domain's API host: its sources by write key, their rules, and its CORS policy."""

    def __init__(
        self,
        domain: EdgeDomain,
        meter: HostMeter | None = None,
        every: Sources | None = None,
    ) -> None:
        """``every``: all sources there are, which a default host takes messages of."""
        self.name: Final = domain.api_host.lower()
        self.domain_id: Final = domain.id
        self.lanes: Final[dict[int, Cells]] = {}  # what becomes of requests, by source
        self.cors: Final = CorsPolicy(self.name, domain.credential_origins)
        self.meter: Final = meter  # only while the domain drains
        own = Sources()
        for source in domain.sources:
            own.put(source, domain.workspace)
        chosen = every if every is not None and domain.kind is HostKind.DEFAULT else own
        self.sources: Final[Mapping[bytes, int]] = MappingProxyType(chosen.numbers)
        self.cleaners: Final[Mapping[int, Cleaner]] = MappingProxyType(chosen.cleaners)
        self.rates: Final[Mapping[int, int]] = MappingProxyType(chosen.rates)
        self.workspaces: Final[Mapping[int, str]] = MappingProxyType(chosen.workspaces)

    def source_of_header(self, authorization: bytes) -> int | None:
        """The source whose write key this Authorization header holds, where it is ours."""
        key = parse_basic(authorization)
        return None if key is None else self.sources.get(key)


class WriteKeys:
    """Every API host of the feed, by its name."""

    def __init__(self) -> None:
        self._hosts: dict[bytes, ApiHost] = {}
        self._domains: dict[str, ApiHost] = {}
        self.meters: Final = Meters(Part.API)
        self._every = Sources()
        self.changes = 0  # so far: what was concluded before one may be wrong after it
        self.loaded: Final = asyncio.Event()  # until then, not knowing a host means nothing

    def find(self, host: bytes) -> ApiHost | None:
        """The API host that a Host header names, whatever its case, port or trailing dot."""
        found = self._hosts.get(host)
        if found is None:
            name, colon, port = host.lower().rpartition(b":")
            if not colon or not port.isdigit():
                name = host.lower()
            found = self._hosts.get(name.removesuffix(b"."))
        return found

    def apply(self, entries: Iterable[FeedEntry]) -> None:
        """Take changes of the feed in, in their order; an unreadable entry changes nothing."""
        self.loaded.set()
        for entry in entries:
            if entry.topic not in TOPICS:
                continue
            self.changes += 1
            try:
                self._apply_one(entry)
            except msgspec.DecodeError as error:
                Log("ingest").error("ingest.entry_unreadable", key=entry.key, error=error)

    def _apply_one(self, entry: FeedEntry) -> None:
        if entry.topic is Topic.SOURCES:
            if entry.body is not None:  # sources are never deleted
                found = msgspec.json.decode(entry.body, type=AnySource)
                self._every.put(found.source, found.workspace)
            return
        fresh = None
        if entry.body is not None:
            domain = msgspec.json.decode(entry.body, type=EdgeDomain)
            if domain.kind is not HostKind.CONSOLE:
                meter = self.meters.find(domain.id, is_draining=domain.is_draining)
                fresh = ApiHost(domain, meter, self._every)
        self._replace(entry.key, fresh)

    def _replace(self, domain: str, fresh: ApiHost | None) -> None:
        old = self._domains.pop(domain, None)
        # The name may belong to another domain by now: that one's entry came later and stays.
        if old is not None and self._hosts.get(old.name.encode()) is old:
            del self._hosts[old.name.encode()]
        if fresh is not None:
            self._domains[domain] = fresh
            self._hosts[fresh.name.encode()] = fresh


def parse_basic(authorization: bytes) -> bytes | None:
    """The write key in ``Basic base64(writeKey:)`` (RFC 7617); a missing colon is tolerated.

    None for every other scheme and for what is not base64.
    """
    if authorization[: len(_BASIC)].lower() != _BASIC:
        return None
    text = authorization[len(_BASIC) :].strip()
    try:
        credentials = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return credentials.partition(b":")[0]
