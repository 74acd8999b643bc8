"""What two hosts point at, asked of every server of the zone that each is in: never of a cache.

The way down and the transport are those of ``parent.py``. CNAMEs are followed inside that zone
only: what they say beyond it is another zone's word, and the wrong owner's where that one changed
hands.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from firstparty.config.addresses import Address
from firstparty.resolver.budget import Budget
from firstparty.resolver.observed import Trouble
from firstparty.resolver.parent import DNS_PORT
from firstparty.resolver.probe import Prober
from firstparty.resolver.referral import as_text, read_addresses
from firstparty.resolver.roots import ROOT_SERVERS
from firstparty.resolver.walk import NotFound, Walk, ZoneServers

MAX_CNAMES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAtServer:
    """What one address of one server of the host's zone has at the host.

    ``cnames`` are the targets of the CNAMEs there, each leading to the next; ``addresses`` are A
    and AAAA records at the host itself. Both are empty where nothing is there.
    """

    server: str
    address: Address | None
    cnames: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPointing:
    """What all servers of the zone that ``host`` is in say of it.

    ``zone`` is None where it was not found; then ``servers`` is empty and ``trouble`` says why.
    """

    host: str
    zone: str | None
    servers: tuple[HostAtServer, ...] = ()
    trouble: Trouble | None = None

    @property
    def heard(self) -> tuple[HostAtServer, ...]:
        """The addresses that gave their word."""
        return tuple(answer for answer in self.servers if answer.trouble is None)

    @property
    def unheard(self) -> tuple[HostAtServer, ...]:
        """The addresses whose word is missing and matters, as in ``ParentAnswer.unheard``."""
        heard = {answer.server for answer in self.heard}
        return tuple(
            answer
            for answer in self.servers
            if answer.trouble is not None
            and not (answer.trouble is Trouble.NO_ROUTE and answer.server in heard)
        )

    @property
    def is_complete(self) -> bool:
        """Whether the zone was found and every server of it was heard."""
        return self.trouble is None and bool(self.heard) and not self.unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class PointingAnswer:
    """What was found of each host, in the order asked; queries and time of all together."""

    hosts: tuple[HostPointing, ...] = field(default=())
    queries: int = 0
    took: timedelta = timedelta()


async def probe_hosts(
    hosts: Sequence[str],
    *,
    stub_zones: Mapping[str, Sequence[Address]],
    allow_private: bool,
    roots: Mapping[str, tuple[str, ...]] = ROOT_SERVERS,
    budget: Budget | None = None,
    port: int = DNS_PORT,
) -> PointingAnswer:
    """Ask every server of the zone of each host (A-labels) what is there, all on one budget.

    See ``probe_parent`` for the arguments. Never raises for what servers do.
    """
    budget = budget or Budget()
    stubs = {apex: tuple(addresses) for apex, addresses in stub_zones.items()}
    trusted = frozenset(address for addresses in stubs.values() for address in addresses)
    prober = Prober(budget, trusted=trusted, allow_private=allow_private)
    walk = Walk(prober, stub_zones=stubs, roots=roots, port=port)
    # One after the other: the second finds its zone in what the first one learned.
    found = [await _probe_host(prober, walk, dns.name.from_text(host)) for host in hosts]
    return PointingAnswer(hosts=tuple(found), queries=budget.queries, took=budget.took)


async def _probe_host(prober: Prober, walk: Walk, host: dns.name.Name) -> HostPointing:
    try:
        zone = await walk.find_zone_above(host)
    except NotFound as error:
        return HostPointing(host=as_text(host), zone=None, trouble=error.trouble)
    asked: list[HostAtServer | asyncio.Task[HostAtServer]] = []
    async with asyncio.TaskGroup() as group:
        for server in zone.names:
            addresses = await walk.find_addresses(zone, server)
            if not addresses:
                asked.append(HostAtServer(server=server, address=None, trouble=Trouble.NO_ADDRESS))
            asked += [
                group.create_task(_ask(prober, zone, host, server, address))
                for address in addresses
            ]
    return HostPointing(
        host=as_text(host),
        zone=as_text(zone.apex),
        servers=tuple(one if isinstance(one, HostAtServer) else one.result() for one in asked),
    )


async def _ask(
    prober: Prober, zone: ZoneServers, host: dns.name.Name, server: str, address: Address
) -> HostAtServer:
    """A CNAME comes with the answer for any type; AAAA is asked for only where there is no A."""
    answer = HostAtServer(server=server, address=address)
    for rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
        reply = await prober.ask_surely(address, host, rdtype)
        if isinstance(reply, Trouble):
            return replace(answer, trouble=reply)
        is_word = bool(reply.flags & dns.flags.AA)
        if not is_word or reply.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            return replace(answer, trouble=Trouble.LAME)
        cnames = read_cnames(reply, host, zone=zone.apex)
        addresses = () if cnames else read_addresses(reply, host)
        if cnames or addresses or reply.rcode() == dns.rcode.NXDOMAIN:
            return replace(answer, cnames=cnames, addresses=addresses)
    return answer


def read_cnames(
    reply: dns.message.Message, host: dns.name.Name, *, zone: dns.name.Name
) -> tuple[str, ...]:
    """The targets of the CNAMEs from ``host`` on, at most 8, up to the first outside ``zone``."""
    found: list[str] = []
    name = host
    while len(found) < MAX_CNAMES and name.is_subdomain(zone):
        rrset = reply.get_rrset(reply.answer, name, dns.rdataclass.IN, dns.rdatatype.CNAME)
        if rrset is None:
            break
        name = rrset[0].target
        found.append(as_text(name))
    return tuple(found)
