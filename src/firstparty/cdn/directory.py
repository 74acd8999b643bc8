"""Which source a request means: hosts, write keys and aliases, as the feed has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from firstparty.model.feed import AnySource, EdgeDomain, EdgeSource, FeedEntry, HostKind, Topic
from firstparty.model.hosts import build_authority
from firstparty.model.workspaces import Origin
from firstparty.spool.meter import HostMeter, Meters, Part
from firstparty.telemetry import Log

TOPICS: Final = (Topic.EDGE, Topic.SOURCES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A domain as its CDN host serves it. ``revision`` changes whenever anything of it does.

    ``code_upstream`` is the CDN that has the code of its destinations, ``bundle_upstream`` the one
    that has chunks of Analytics.js which we never had; empty: none.
    ``meter`` counts its requests while the domain drains.
    """

    revision: int
    domain: str
    cdn_host: str
    cdn_origin: str
    api_base: str
    by_write_key: Mapping[str, EdgeSource]
    by_alias: Mapping[str, EdgeSource]
    code_upstream: str
    bundle_upstream: str
    meter: HostMeter | None = None
    is_default: bool = False  # the service domain's: it serves every source


def hosts_for(tenant: Tenant, source: EdgeSource) -> tuple[str, str]:
    """The CDN origin and API base that a browser is told for a source of this tenant.

    Those of its owner's proxy in front of the default hosts, unless the source is restored.
    """
    if tenant.is_default and source.proxy_api and source.share > 0:
        return source.proxy_cdn, source.proxy_api
    return tenant.cdn_origin, tenant.api_base


class EverySource:
    """All sources there are, which the default hosts serve, as of ``revision`` of the feed."""

    def __init__(self) -> None:
        self.by_write_key: dict[str, EdgeSource] = {}
        self.by_alias: dict[str, EdgeSource] = {}
        self._keys: dict[str, EdgeSource] = {}
        self.revision = 0
        self.code_upstream = ""
        self.bundle_upstream = ""

    def apply(self, entry: FeedEntry) -> None:
        """Take an entry of the topic of sources in; raises DecodeError."""
        if entry.body is None:  # sources are never deleted
            return
        fresh = msgspec.json.decode(entry.body, type=AnySource).source
        earlier = self._keys.get(entry.key)
        if earlier is not None:
            self.by_write_key.pop(earlier.write_key, None)
            for alias in aliases_of(earlier):
                self.by_alias.pop(alias, None)
        self._keys[entry.key] = fresh
        self.by_write_key[fresh.write_key] = fresh
        self.by_alias.update(dict.fromkeys(aliases_of(fresh), fresh))
        self.code_upstream = fresh.cdn_upstream or self.code_upstream
        if is_mirrored(fresh):
            self.bundle_upstream = fresh.cdn_upstream
        self.revision = max(self.revision, entry.revision)


def aliases_of(source: EdgeSource) -> tuple[str, ...]:
    """The aliases that its script is served by: the one it has, and the one before."""
    return tuple(filter(None, (source.alias, source.old_alias)))


def build_tenant(
    domain: EdgeDomain, *, revision: int, https_port: int, meter: HostMeter | None = None
) -> Tenant:
    """The tenant of a domain. URLs carry ``https_port`` where it is not 443."""
    upstreams = (source.cdn_upstream for source in domain.sources)
    return Tenant(
        revision=revision,
        domain=domain.id,
        cdn_host=domain.cdn_host.lower(),
        cdn_origin=f"https://{build_authority(domain.cdn_host, https_port)}",
        api_base=f"{build_authority(domain.api_host, https_port)}/v1",
        by_write_key={source.write_key: source for source in domain.sources},
        by_alias={alias: one for one in domain.sources for alias in aliases_of(one)},
        code_upstream=next(filter(None, upstreams), ""),
        bundle_upstream=next((s.cdn_upstream for s in domain.sources if is_mirrored(s)), ""),
        meter=meter,
    )


def build_default_tenant(tenant: Tenant, every: EverySource) -> Tenant:
    """The tenant of the default hosts, with every source that there is now."""
    return replace(
        tenant,
        revision=max(tenant.revision, every.revision),
        by_write_key=every.by_write_key,
        by_alias=every.by_alias,
        code_upstream=every.code_upstream,
        bundle_upstream=every.bundle_upstream,
        is_default=True,
    )


def is_mirrored(source: EdgeSource) -> bool:
    """Whether the settings of a source come from an upstream CDN."""
    return source.origin == Origin.MIRROR and bool(source.cdn_upstream)


class Directory:
    """Tenants by CDN host, kept up to date by the feed."""

    def __init__(self, *, https_port: int) -> None:
        self._https_port = https_port
        self.meters: Final = Meters(Part.CDN)
        self._tenants: dict[str, Tenant] = {}  # by the feed's key
        self._keys: dict[str, str] = {}  # CDN host to the feed's key
        self._every = EverySource()
        self._default = ""  # the key of the default hosts
        self._log = Log("cdn")

    def find(self, host: str) -> Tenant | None:
        """The tenant of a Host header or ``:authority``; its port and case do not matter."""
        key = self._keys.get(host.partition(":")[0].lower())
        return None if key is None else self._tenants[key]

    def apply(self, entries: Iterable[FeedEntry]) -> None:
        """Take entries of TOPICS in; a bad one is logged, and the earlier one stays."""
        for entry in entries:
            try:
                if entry.topic is Topic.SOURCES:
                    self._every.apply(entry)
                else:
                    self._apply_domain(entry)
            except msgspec.DecodeError as error:
                self._log.error("cdn.entry_unreadable", key=entry.key, error=error)
        if (default := self._tenants.get(self._default)) is not None:
            self._tenants[self._default] = build_default_tenant(default, self._every)

    def _apply_domain(self, entry: FeedEntry) -> None:
        if entry.body is None:
            self._drop(entry.key)
            return
        domain = msgspec.json.decode(entry.body, type=EdgeDomain)
        self._drop(entry.key)
        if domain.kind is HostKind.CONSOLE:
            return
        tenant = build_tenant(
            domain,
            revision=entry.revision,
            https_port=self._https_port,
            meter=self.meters.find(domain.id, is_draining=domain.is_draining),
        )
        self._tenants[entry.key] = tenant
        self._keys[tenant.cdn_host] = entry.key
        if domain.kind is HostKind.DEFAULT:
            self._default = entry.key

    def _drop(self, key: str) -> None:
        tenant = self._tenants.pop(key, None)
        # A name that moved to another domain meanwhile is that domain's now.
        if tenant is not None and self._keys.get(tenant.cdn_host) == key:
            del self._keys[tenant.cdn_host]
