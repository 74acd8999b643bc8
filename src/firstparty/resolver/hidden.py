"""What a delegation would hide at a name and below it, asked of one server of the zone above.

A zone cannot be listed from outside. But a name that exists and has nothing has names below it
(RFC 8020 §2), labels that are common can be tried, and one that nobody can have made shows a
wildcard.
"""

from dataclasses import dataclass
from typing import Final, TypeGuard

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from firstparty.config.addresses import Address
from firstparty.resolver.probe import Prober, Reply
from firstparty.resolver.referral import as_text

# Kinds of records that people have at a name before they delegate it.
_TYPES: Final = (
    dns.rdatatype.A,
    dns.rdatatype.AAAA,
    dns.rdatatype.MX,
    dns.rdatatype.TXT,
)
_LABELS: Final = ("www", "evs", "api", "cdn", "mail", "_dmarc")
_NOBODYS_LABEL: Final = "firstparty-asks-for-a-wildcard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """Types of records at the name; names below it that were found, and whether there are any."""

    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    has_names: bool = False


async def find_hidden(prober: Prober, address: Address, name: dns.name.Name) -> Hidden:
    """At most 11 queries, to a server that said that ``name`` exists and is not delegated."""
    types = [
        rdtype.name
        for rdtype in _TYPES
        if _has(await prober.ask(address, name, rdtype), name, rdtype)
    ]
    if await _exists(prober, address, name, _NOBODYS_LABEL):
        return Hidden(types=tuple(types), names=(f"*.{as_text(name)}",), has_names=True)
    names = [
        f"{label}.{as_text(name)}"
        for label in _LABELS
        if await _exists(prober, address, name, label)
    ]
    return Hidden(types=tuple(types), names=tuple(names), has_names=bool(names) or not types)


async def _exists(prober: Prober, address: Address, name: dns.name.Name, label: str) -> bool:
    below = dns.name.Name((label.encode(), *name.labels))
    reply = await prober.ask(address, below, dns.rdatatype.A)
    return _is_word(reply) and reply.rcode() == dns.rcode.NOERROR


def _is_word(reply: Reply) -> TypeGuard[dns.message.Message]:
    """Whether it is an authoritative answer."""
    return isinstance(reply, dns.message.Message) and bool(reply.flags & dns.flags.AA)


def _has(reply: Reply, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> bool:
    """Whether there is a record of exactly this name and type in an authoritative answer."""
    return (
        _is_word(reply)
        and reply.get_rrset(reply.answer, name, dns.rdataclass.IN, rdtype) is not None
    )
