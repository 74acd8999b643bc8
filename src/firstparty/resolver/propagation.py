"""What public resolvers have of some records now, and for how long: shown, never decided from."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from firstparty.config.addresses import Address
from firstparty.resolver.budget import Budget
from firstparty.resolver.observed import Trouble
from firstparty.resolver.probe import Prober
from firstparty.resolver.referral import as_text

MAX_RESOLVERS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """What one resolver answers for one name and type.

    ``values`` are lower-case names without a final dot; empty: it has no such record. ``ttl`` is
    for how many seconds it will go on answering this; None: it did not say. ``rcode`` is None with
    a ``trouble``.
    """

    resolver: Address
    name: str
    type: str
    values: frozenset[str] = frozenset()
    ttl: int | None = None
    rcode: str | None = None
    trouble: Trouble | None = None


async def probe_propagation(
    questions: Sequence[tuple[str, str]],
    resolvers: Sequence[Address],
    *,
    budget: Budget | None = None,
) -> tuple[Cached, ...]:
    """Ask each resolver each question (a name in A-labels, and NS or CNAME). Never raises.

    ``resolvers`` are the operator's setting: private addresses are fine; at most 10 are asked.
    """
    chosen = tuple(resolvers)[:MAX_RESOLVERS]
    prober = Prober(budget or Budget(), trusted=frozenset(chosen), wants_recursion=True)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_ask(prober, resolver, name, kind))
            for resolver in chosen
            for name, kind in questions
        ]
    return tuple(task.result() for task in tasks)


async def _ask(prober: Prober, resolver: Address, text: str, kind: str) -> Cached:
    name, rdtype = dns.name.from_text(text), dns.rdatatype.from_text(kind)
    asked = Cached(resolver=resolver, name=as_text(name), type=kind)
    reply = await prober.ask(resolver, name, rdtype)
    if isinstance(reply, Trouble):
        return replace(asked, trouble=reply)
    found = reply.get_rrset(reply.answer, name, dns.rdataclass.IN, rdtype)
    return replace(
        asked,
        values=frozenset(as_text(record.target) for record in found or ()),
        ttl=_negative_ttl(reply) if found is None else found.ttl,
        rcode=dns.rcode.to_text(reply.rcode()),
    )


def _negative_ttl(reply: dns.message.Message) -> int | None:
    """For how long it will remember that there is nothing (RFC 2308 §5)."""
    for rrset in reply.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return int(min(rrset.ttl, rrset[0].minimum))
    return None
