"""A domain as its owner asked for it, and the names and records that follow from it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from firstparty.model.claims import challenge_targets, cname_targets, nameserver_names
from firstparty.model.findings import DnsRecord
from firstparty.model.status import Intent


class Mode(StrEnum):
    """How the owner points the name at us."""

    DELEGATION = "delegation"  # NS records: the whole subdomain is ours to answer
    CNAME = "cname"  # one CNAME record for each host; the subdomain stays the owner's zone
    PROXY = "proxy"  # hosts of the owner's own proxy, which leads to us or to Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnProxy:
    """A proxy that the owner runs: its hosts (which may be one), and what it runs on.

    ``provider`` is empty where it is not known. ``target`` is where the hosts' CNAME records
    lead, with a dot at the end; empty where the provider makes the records itself.
    """

    cdn_host: str
    api_host: str
    provider: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The customer's subdomain, as intent: nothing here was observed.

    ``own_proxy`` is there in the mode proxy alone, and says the hosts then.
    """

    id: str
    workspace_id: str
    name: str
    token: str  # of its claim
    mode: Mode = Mode.DELEGATION
    cdn_label: str = "evs"
    api_label: str = "api"
    source_ids: tuple[str, ...] = ()
    description: str = ""
    has_csp: bool = False
    intent: Intent = Intent.ACTIVE
    drains: bool = True  # once removed: served until nobody asks any more
    own_proxy: OwnProxy | None = None
    credential_origins: tuple[str, ...] = ()  # pages of other sites that may send with cookies
    created_at: datetime = field(kw_only=True)

    @property
    def cdn_host(self) -> str:
        """Where browsers load analytics.js, its bundles and the settings from."""
        return self.own_proxy.cdn_host if self.own_proxy else f"{self.cdn_label}.{self.name}"

    @property
    def api_host(self) -> str:
        """Where SDKs send messages to."""
        return self.own_proxy.api_host if self.own_proxy else f"{self.api_label}.{self.name}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Both hosts: the names on the domain's certificate. The console's are one."""
        return tuple(dict.fromkeys((self.cdn_host, self.api_host)))


def build_records(domain: Domain, service_domain: str) -> tuple[DnsRecord, ...]:
    """Exactly the records that the owner adds at the parent zone."""
    if domain.name == service_domain:  # the operator's own, delegated once and for all
        return ()
    match domain.mode:
        case Mode.DELEGATION:
            return tuple(
                DnsRecord(name=f"{domain.name}.", type="NS", value=f"{nameserver}.")
                for nameserver in nameserver_names(domain.token, service_domain)
            )
        case Mode.CNAME:
            targets = cname_targets(domain.token, service_domain)
            return tuple(
                DnsRecord(name=f"{host}.", type="CNAME", value=f"{target}.")
                for host, target in zip(domain.hosts, targets, strict=True)
            )
        case Mode.PROXY:
            target = domain.own_proxy.target if domain.own_proxy else ""
            return tuple(
                DnsRecord(name=f"{host}.", type="CNAME", value=target)
                for host in dict.fromkeys(domain.hosts)
                if target
            )


def build_optional_records(domain: Domain, service_domain: str) -> tuple[DnsRecord, ...]:
    """What the owner of a domain by CNAME may add, so that certificates need no port 80."""
    if domain.mode is not Mode.CNAME:
        return ()
    targets = challenge_targets(domain.token, service_domain)
    return tuple(
        DnsRecord(name=f"_acme-challenge.{host}.", type="CNAME", value=f"{target}.")
        for host, target in zip(domain.hosts, targets, strict=True)
    )
