"""What our own servers say of a zone of ours: the child's side of a delegation.

The CA is called only after every server of ours, asked directly, has the TXT it will look for.
"""

import asyncio
from collections.abc import Sequence

import dns.flags
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from firstparty.config.addresses import Address
from firstparty.resolver.budget import Budget
from firstparty.resolver.observed import (
    OwnAnswer,
    OwnServerAnswer,
    Transport,
    Trouble,
    TxtAnswer,
)
from firstparty.resolver.probe import Prober
from firstparty.resolver.referral import as_text, read_addresses


async def probe_own_servers(
    apex: str, hosts: Sequence[str], *, servers: Sequence[Address], budget: Budget | None = None
) -> OwnAnswer:
    """Ask each server, over UDP and over TCP, for the SOA of ``apex`` and each host's address.

    ``servers`` are the operator's own setting: private addresses are fine. Never raises.
    """
    prober = _prober(servers, budget)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_ask_zone(prober, dns.name.from_text(apex), hosts, server, transport))
            for server in servers
            for transport in Transport
        ]
    return OwnAnswer(
        apex=as_text(dns.name.from_text(apex)), servers=tuple(task.result() for task in tasks)
    )


async def fetch_txt(
    owner: str, *, servers: Sequence[Address], budget: Budget | None = None
) -> tuple[TxtAnswer, ...]:
    """The TXT values that each server has at ``owner``, in the order of ``servers``."""
    prober = _prober(servers, budget)
    name = dns.name.from_text(owner)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_ask_txt(prober, name, server)) for server in servers]
    return tuple(task.result() for task in tasks)


def _prober(servers: Sequence[Address], budget: Budget | None) -> Prober:
    # Our own servers, so the number of questions is ours too; the time is bounded all the same.
    return Prober(budget or Budget(queries=100), trusted=frozenset(servers))


async def _ask_zone(
    prober: Prober,
    apex: dns.name.Name,
    hosts: Sequence[str],
    server: Address,
    transport: Transport,
) -> OwnServerAnswer:
    reply = await prober.ask(server, apex, dns.rdatatype.SOA, transport=transport)
    if isinstance(reply, Trouble):
        return OwnServerAnswer(address=server, transport=transport, trouble=reply)
    rcode = dns.rcode.to_text(reply.rcode())
    soa = reply.get_rrset(reply.answer, apex, dns.rdataclass.IN, dns.rdatatype.SOA)
    if soa is None or not reply.flags & dns.flags.AA:
        return OwnServerAnswer(
            address=server, transport=transport, rcode=rcode, trouble=Trouble.LAME
        )
    missing = [
        host for host in hosts if not await _has_address(prober, host, server, transport=transport)
    ]
    return OwnServerAnswer(
        address=server,
        transport=transport,
        serial=soa[0].serial,
        rcode=rcode,
        missing_hosts=tuple(missing),
    )


async def _has_address(prober: Prober, host: str, server: Address, *, transport: Transport) -> bool:
    name = dns.name.from_text(host)
    for rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
        reply = await prober.ask(server, name, rdtype, transport=transport)
        if not isinstance(reply, Trouble) and read_addresses(reply, name):
            return True
    return False


async def _ask_txt(prober: Prober, name: dns.name.Name, server: Address) -> TxtAnswer:
    reply = await prober.ask(server, name, dns.rdatatype.TXT)
    if isinstance(reply, Trouble):
        return TxtAnswer(address=server, trouble=reply)
    if not reply.flags & dns.flags.AA:
        return TxtAnswer(address=server, trouble=Trouble.LAME)
    rrset = reply.get_rrset(reply.answer, name, dns.rdataclass.IN, dns.rdatatype.TXT)
    values = (b"".join(record.strings).decode("utf-8", "replace") for record in rrset or ())
    return TxtAnswer(address=server, values=frozenset(values))
