"""Which source a request means: hosts, write keys and aliases, as the feed has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from firstparty.model.feed import EdgeDomain, EdgeSource, FeedEntry
from firstparty.model.hosts import build_authority
from firstparty.model.workspaces import Origin
from firstparty.spool.meter import HostMeter, Meters, Part
from firstparty.telemetry import Log


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
        by_alias={source.alias: source for source in domain.sources if source.alias},
        code_upstream=next(filter(None, upstreams), ""),
        bundle_upstream=next((s.cdn_upstream for s in domain.sources if is_mirrored(s)), ""),
        meter=meter,
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
        self._log = Log("cdn")

    def find(self, host: str) -> Tenant | None:
        """The tenant of a Host header or ``:authority``; its port and case do not matter."""
        key = self._keys.get(host.partition(":")[0].lower())
        return None if key is None else self._tenants[key]

    def apply(self, entries: Iterable[FeedEntry]) -> None:
        """Take entries of the edge topic in; a bad one is logged, and the earlier one stays."""
        for entry in entries:
            if entry.body is None:
                self._drop(entry.key)
                continue
            try:
                domain = msgspec.json.decode(entry.body, type=EdgeDomain)
            except msgspec.DecodeError as error:
                self._log.error("cdn.entry_unreadable", key=entry.key, error=error)
                continue
            self._drop(entry.key)
            tenant = build_tenant(
                domain,
                revision=entry.revision,
                https_port=self._https_port,
                meter=self.meters.find(domain.id, is_draining=domain.is_draining),
            )
            self._tenants[entry.key] = tenant
            self._keys[tenant.cdn_host] = entry.key

    def _drop(self, key: str) -> None:
        tenant = self._tenants.pop(key, None)
        # A name that moved to another domain meanwhile is that domain's now.
        if tenant is not None and self._keys.get(tenant.cdn_host) == key:
            del self._keys[tenant.cdn_host]
