"""The edge's table of hosts, folded from the feed: whose each one is, and what it is for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firstparty.edge.hot import list_hot_paths
from firstparty.model.feed import EdgeCertificate, EdgeDomain, HostKind

# A lower-case name of two labels or more; Envoy would take "*" and "*.example.com" as patterns.
_NAME: Final = re.compile(r"(?=.{3,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedDomain:
    """What the edge keeps of one domain as of ``revision`` of the feed."""

    revision: int
    cdn_host: str
    api_host: str
    certificate: EdgeCertificate | None
    is_console: bool = False
    hot_paths: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Its two hosts; the console's are one."""
        return tuple(dict.fromkeys((self.cdn_host, self.api_host)))


def parse_served_domain(domain: EdgeDomain, *, revision: int) -> ServedDomain | str:
    """The domain as the edge serves it, or in a few words why it cannot be served."""
    cdn_host, api_host = domain.cdn_host, domain.api_host
    for host in (cdn_host, api_host):
        if not _NAME.fullmatch(host):
            return f"{host!r} is not a lower-case host name"
    is_console = domain.kind is HostKind.CONSOLE
    if (cdn_host == api_host) is not is_console:
        return f"both hosts are {cdn_host!r}, or the console has two"
    # The gate in Envoy takes hosts under one parent for hosts of one domain.
    if cdn_host.partition(".")[2] != api_host.partition(".")[2]:
        return f"{cdn_host!r} and {api_host!r} are not under one name"
    return ServedDomain(
        revision=revision,
        cdn_host=cdn_host,
        api_host=api_host,
        certificate=domain.certificate,
        is_console=is_console,
        hot_paths=list_hot_paths(domain),
    )


class HostTable:
    """Domains by id and by host. A host that two domains name belongs to the later entry."""

    def __init__(self) -> None:
        self._domains: dict[str, ServedDomain] = {}
        self._by_host: dict[str, dict[str, ServedDomain]] = {}

    def replace(self, domain_id: str, domain: ServedDomain | None) -> frozenset[str]:
        """Put (``None``: remove) a domain; the hosts that this touches."""
        before = self._domains.pop(domain_id, None)
        if before is not None:
            for host in before.hosts:
                named = self._by_host[host]
                del named[domain_id]
                if not named:
                    del self._by_host[host]
        if domain is not None:
            self._domains[domain_id] = domain
            for host in domain.hosts:
                self._by_host.setdefault(host, {})[domain_id] = domain
        return frozenset((before.hosts if before else ()) + (domain.hosts if domain else ()))

    def count(self) -> int:
        """How many hosts there are."""
        return len(self._by_host)

    def owner(self, host: str) -> ServedDomain | None:
        """The domain that serves ``host``."""
        named = self._by_host.get(host)
        return None if named is None else max(named.values(), key=lambda domain: domain.revision)

    def cdn_hosts(self) -> dict[str, tuple[str, ...]]:
        """Hosts that are their owner's CDN host, each with the hosts of that domain."""
        return {host: owner.hosts for host, owner in self._tenants() if host == owner.cdn_host}

    def api_hosts(self) -> dict[str, tuple[str, ...]]:
        """Hosts that are their owner's API host, each with the hosts of that domain."""
        return {host: owner.hosts for host, owner in self._tenants() if host == owner.api_host}

    def hot_paths(self) -> Iterator[tuple[str, str]]:
        """CDN hosts with the paths that may be hot there."""
        for host, owner in self._tenants():
            if host == owner.cdn_host:
                yield from ((host, path) for path in owner.hot_paths)

    def console_hosts(self) -> dict[str, tuple[str, ...]]:
        """Hosts that are the console's."""
        return {host: owner.hosts for host, owner in self._owned() if owner.is_console}

    def _tenants(self) -> Iterator[tuple[str, ServedDomain]]:
        return ((host, owner) for host, owner in self._owned() if not owner.is_console)

    def _owned(self) -> Iterator[tuple[str, ServedDomain]]:
        for host in self._by_host:
            owner = self.owner(host)
            if owner is not None:
                yield host, owner
