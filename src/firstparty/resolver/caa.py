"""The CAA records that a CA would find for a host: the tree climbed, CNAMEs followed (RFC 8659 §3).

Asked of authoritative servers, from the root down, within one budget.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from firstparty.config.addresses import Address
from firstparty.model.feed import CaaRecord
from firstparty.resolver.budget import Budget
from firstparty.resolver.observed import Trouble
from firstparty.resolver.parent import DNS_PORT
from firstparty.resolver.pointing import MAX_CNAMES
from firstparty.resolver.probe import Prober
from firstparty.resolver.referral import as_text
from firstparty.resolver.roots import ROOT_SERVERS
from firstparty.resolver.walk import NotFound, Walk

_TRIED_SERVERS = 3
_ANSWERS = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
_BELOW = dns.name.from_text("x", origin=None)  # the zone of a name below is the name's own


@dataclass(frozen=True, slots=True, kw_only=True)
class CaaFound:
    """The set that counts for a host, and the name that it was found under (None: there is none).

    With ``trouble`` the answer at ``at`` is not known, and a CA would not get one either.
    """

    host: str
    at: str | None = None
    records: tuple[CaaRecord, ...] = ()
    trouble: Trouble | None = None


async def probe_caa(
    hosts: Sequence[str],
    *,
    stub_zones: Mapping[str, Sequence[Address]],
    allow_private: bool,
    roots: Mapping[str, tuple[str, ...]] = ROOT_SERVERS,
    budget: Budget | None = None,
    port: int = DNS_PORT,
) -> tuple[CaaFound, ...]:
    """What counts for each host (A-labels). See ``probe_parent``; never raises for servers."""
    stubs = {apex: tuple(addresses) for apex, addresses in stub_zones.items()}
    trusted = frozenset(address for addresses in stubs.values() for address in addresses)
    prober = Prober(budget or Budget(), trusted=trusted, allow_private=allow_private)
    walk = Walk(prober, stub_zones=stubs, roots=roots, port=port)
    return tuple([await _climb(prober, walk, dns.name.from_text(host)) for host in hosts])


async def _climb(prober: Prober, walk: Walk, host: dns.name.Name) -> CaaFound:
    name = host
    while name != dns.name.root:
        found = await _ask(prober, walk, name)
        at = as_text(name)
        if isinstance(found, Trouble):
            return CaaFound(host=as_text(host), at=at, trouble=found)
        if found:
            return CaaFound(host=as_text(host), at=at, records=found)
        name = name.parent()
    return CaaFound(host=as_text(host))


async def _ask(prober: Prober, walk: Walk, name: dns.name.Name) -> tuple[CaaRecord, ...] | Trouble:
    """The set at a name or where its CNAMEs lead; empty where there is none."""
    for _ in range(MAX_CNAMES + 1):
        reply = await _ask_zone(prober, walk, name)
        if isinstance(reply, Trouble):
            return reply
        caa = reply.get_rrset(reply.answer, name, dns.rdataclass.IN, dns.rdatatype.CAA)
        if caa is not None:
            return tuple(
                CaaRecord(
                    flags=one.flags,
                    tag=one.tag.decode("ascii", "replace"),
                    value=one.value.decode("utf-8", "replace"),
                )
                for one in caa
            )
        cname = reply.get_rrset(reply.answer, name, dns.rdataclass.IN, dns.rdatatype.CNAME)
        if cname is None:
            return ()
        name = cname[0].target
    return Trouble.LAME  # a chain that does not end: resolvers answer SERVFAIL


async def _ask_zone(
    prober: Prober, walk: Walk, name: dns.name.Name
) -> dns.message.Message | Trouble:
    """One authoritative answer of the zone that the name is in, be it its apex."""
    try:
        zone = await walk.find_zone_above(_BELOW.derelativize(name))
    except NotFound as error:
        return error.trouble
    except dns.exception.DNSException:  # a name too long to have one below
        return Trouble.LAME
    trouble, tried = Trouble.NO_ADDRESS, 0
    for server in zone.names:
        for address in await walk.find_addresses(zone, server):
            reply = await prober.ask(address, name, dns.rdatatype.CAA)
            if not isinstance(reply, Trouble) and reply.rcode() in _ANSWERS:
                return reply
            trouble = reply if isinstance(reply, Trouble) else Trouble.LAME
            tried += trouble is not Trouble.NO_ROUTE
            if trouble is Trouble.BUDGET or tried >= _TRIED_SERVERS:
                return trouble
    return trouble
