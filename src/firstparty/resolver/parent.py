"""What the zone above a name says of its delegation, asked of every server of that zone.

Nothing is taken from a recursive cache: the way goes from the root (or the deepest stub zone)
down to the zone above, and then each address of each of its servers is asked. The deciding
question goes over TCP, where nobody can forge an answer; over UDP only where TCP does not work.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import dns.flags
import dns.name
import dns.rcode
import dns.rdatatype

from firstparty.config.addresses import Address
from firstparty.resolver.budget import Budget
from firstparty.resolver.hidden import find_hidden
from firstparty.resolver.observed import ParentAnswer, ServerAnswer, Trouble
from firstparty.resolver.probe import Prober
from firstparty.resolver.referral import Cut, Lame, NoCut, as_text, read_cut, read_ds
from firstparty.resolver.roots import ROOT_SERVERS
from firstparty.resolver.walk import NotFound, Walk, ZoneServers

DNS_PORT: Final = 53


async def probe_parent(
    name: str,
    *,
    stub_zones: Mapping[str, Sequence[Address]],
    allow_private: bool,
    roots: Mapping[str, tuple[str, ...]] = ROOT_SERVERS,
    budget: Budget | None = None,
    port: int = DNS_PORT,
) -> ParentAnswer:
    """Ask every server of the zone above ``name`` (A-labels) for its NS and DS.

    ``stub_zones`` are zones whose servers the operator named; they are asked instead of the
    root's for names below, and may be private. Servers that are found on the way are asked on
    ``port``, and only at public addresses unless ``allow_private``. Never raises for what
    servers do: what could not be found out is a Trouble in the answer.
    """
    budget = budget or Budget()
    stubs = {apex: tuple(addresses) for apex, addresses in stub_zones.items()}
    trusted = frozenset(address for addresses in stubs.values() for address in addresses)
    prober = Prober(budget, trusted=trusted, allow_private=allow_private)
    walk = Walk(prober, stub_zones=stubs, roots=roots, port=port)
    qname = dns.name.from_text(name)
    try:
        zone = await walk.find_zone_above(qname)
    except NotFound as error:
        return ParentAnswer(
            name=as_text(qname),
            parent=None,
            trouble=error.trouble,
            queries=budget.queries,
            took=budget.took,
        )
    servers = await _Delegation(prober, walk, zone, qname).ask_all()
    return ParentAnswer(
        name=as_text(qname),
        parent=as_text(zone.apex),
        servers=servers,
        queries=budget.queries,
        took=budget.took,
    )


@dataclass(frozen=True, slots=True)
class _Delegation:
    """The questions about one name to the servers of the zone above it."""

    prober: Prober
    walk: Walk
    zone: ZoneServers
    name: dns.name.Name

    async def ask_all(self) -> tuple[ServerAnswer, ...]:
        """Every address of every server, at the same time."""
        asked: list[ServerAnswer | asyncio.Task[ServerAnswer]] = []
        async with asyncio.TaskGroup() as group:
            for server in self.zone.names:
                addresses = await self.walk.find_addresses(self.zone, server)
                if not addresses:
                    asked.append(
                        ServerAnswer(server=server, address=None, trouble=Trouble.NO_ADDRESS)
                    )
                asked += [group.create_task(self._ask(server, address)) for address in addresses]
        answers = [one if isinstance(one, ServerAnswer) else one.result() for one in asked]
        return tuple(await self._with_hidden(answers))

    async def _ask(self, server: str, address: Address) -> ServerAnswer:
        reply = await self.prober.ask_surely(address, self.name, dns.rdatatype.NS)
        answer = ServerAnswer(server=server, address=address)
        if isinstance(reply, Trouble):
            return replace(answer, trouble=reply)
        answer = replace(answer, rcode=dns.rcode.to_text(reply.rcode()))
        cut = read_cut(reply, zone=self.zone.apex, name=self.name)
        match cut:
            case Lame():
                return replace(answer, trouble=Trouble.LAME)
            case NoCut():
                return replace(answer, cname=cut.cname)
            case Cut(is_referral=True):
                return replace(answer, nameservers=cut.nameservers, ds=cut.ds)
            case Cut():
                # It has both zones, and answered from the lower one: the DS is in the upper.
                ds = await self.prober.ask_surely(address, self.name, dns.rdatatype.DS)
                if isinstance(ds, Trouble):
                    return replace(answer, trouble=ds)
                seen = read_ds(ds.answer if ds.flags & dns.flags.AA else [], self.name)
                return replace(answer, nameservers=cut.nameservers, ds=seen)

    async def _with_hidden(self, answers: list[ServerAnswer]) -> list[ServerAnswer]:
        """Add, at the first server that delegates nothing, what a delegation would hide."""
        for index, answer in enumerate(answers):
            is_bare = answer.trouble is None and not answer.nameservers and not answer.cname
            if is_bare and answer.rcode == "NOERROR" and answer.address is not None:
                found = await find_hidden(self.prober, answer.address, self.name)
                answers[index] = replace(
                    answer,
                    other_types=found.types,
                    names_below=found.names,
                    has_names_below=found.has_names,
                )
                break
        return answers
