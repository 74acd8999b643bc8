"""A domain as its owner asked for it, and the names and records that follow from it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from firstparty.model.claims import cname_targets, nameserver_names
from firstparty.model.findings import DnsRecord
from firstparty.model.status import Intent


class Mode(StrEnum):
    """How the owner points the name at us."""

    DELEGATION = "delegation"  # NS records: the whole subdomain is ours to answer
    CNAME = "cname"  # one CNAME record for each host; the subdomain stays the owner's zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The customer's subdomain, as intent: nothing here was observed."""

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
    created_at: datetime = field(kw_only=True)

    @property
    def cdn_host(self) -> str:
        """Where browsers load analytics.js, its bundles and the settings from."""
        return f"{self.cdn_label}.{self.name}"

    @property
    def api_host(self) -> str:
        """Where SDKs send messages to."""
        return f"{self.api_label}.{self.name}"

    @property
    def hosts(self) -> tuple[str, str]:
        """Both hosts: the names on the domain's certificate."""
        return (self.cdn_host, self.api_host)


def build_records(domain: Domain, service_domain: str) -> tuple[DnsRecord, ...]:
    """Exactly the records that the owner adds at the parent zone."""
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
