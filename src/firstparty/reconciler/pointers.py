"""Where the two hosts of a domain by CNAME point, read from what their zone's servers say. Pure.

Only this claim's own target is right. Addresses are not, also where they are ours: every domain has
the same ones, so they say nothing of whose domain it is.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from firstparty.model.claims import cname_targets
from firstparty.model.domains import Domain, build_records
from firstparty.model.findings import DnsRecord
from firstparty.resolver.cloudflare import is_cloudflare
from firstparty.resolver.pointing import HostAtServer, HostPointing, PointingAnswer

_MAX_RECORDS: Final = 20


class Pointing(StrEnum):
    """Where a host points. Of servers that differ, the first in this order is said."""

    PARTLY = "partly"  # right at some servers of the zone, and not at others
    ELSEWHERE = "elsewhere"  # a CNAME to another name, or an address that is not ours
    PROXIED = "proxied"  # addresses of Cloudflare's proxy: the orange cloud
    FLATTENED = "flattened"  # our own addresses instead of the CNAME
    ABSENT = "absent"  # nothing is there
    RIGHT = "right"  # the claim's own target


@dataclass(frozen=True, slots=True, kw_only=True)
class PointedHost:
    """One host: what is wanted there, and what was found. ``where`` is None where nobody said."""

    wanted: DnsRecord
    found: HostPointing
    where: Pointing | None
    surplus: tuple[DnsRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointers:
    """A domain by CNAME, what its zone's servers said, and whether it was proved before."""

    domain: Domain
    hosts: tuple[PointedHost, ...]
    was_proved: bool

    def that_are(self, where: Pointing) -> tuple[PointedHost, ...]:
        """The hosts that point there."""
        return tuple(host for host in self.hosts if host.where is where)


def read_pointers(
    domain: Domain,
    answer: PointingAnswer,
    *,
    service_domain: str,
    edge_addresses: tuple[str, ...],
    was_proved: bool,
) -> Pointers:
    """What the answer says of each host of the domain, in their order."""
    targets = cname_targets(domain.token, service_domain)
    ours = frozenset(map(ip_address, edge_addresses))
    hosts = []
    for wanted, found, target in zip(
        build_records(domain, service_domain), answer.hosts, targets, strict=True
    ):
        told = [(one, _where(one, target, ours)) for one in found.heard]
        wrong = {
            record: None
            for one, where in told
            if where is not Pointing.RIGHT
            for record in _records(wanted.name, one)
        }
        hosts.append(
            PointedHost(
                wanted=wanted,
                found=found,
                where=_sum_up({where for _, where in told}),
                surplus=tuple(wrong)[:_MAX_RECORDS],
            )
        )
    return Pointers(domain=domain, hosts=tuple(hosts), was_proved=was_proved)


def _where(at: HostAtServer, target: str, ours: frozenset[object]) -> Pointing:
    if at.cnames:
        return Pointing.RIGHT if at.cnames[-1] == target else Pointing.ELSEWHERE
    if not at.addresses:
        return Pointing.ABSENT
    if ours.issuperset(map(ip_address, at.addresses)):
        return Pointing.FLATTENED
    if any(map(is_cloudflare, at.addresses)):
        return Pointing.PROXIED
    return Pointing.ELSEWHERE


def _sum_up(told: set[Pointing]) -> Pointing | None:
    if Pointing.RIGHT in told and len(told) > 1:
        return Pointing.PARTLY
    return next((where for where in Pointing if where in told), None)


def _records(owner: str, at: HostAtServer) -> tuple[DnsRecord, ...]:
    """What a server has at the host, as records."""
    if at.cnames:
        return (DnsRecord(name=owner, type="CNAME", value=f"{at.cnames[0]}."),)
    return tuple(
        DnsRecord(name=owner, type="AAAA" if ":" in address else "A", value=address)
        for address in at.addresses
    )
