"""What one answer says about a cut between two zones (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

_IN = dns.rdataclass.IN
_ADDRESS_TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The name asked about is a zone of its own, with these nameservers.

    ``glue`` has the addresses that came along. ``is_referral`` is False where the server itself
    is authoritative for the zone below too; it then had no reason to show a DS.
    """

    nameservers: frozenset[str]
    glue: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ds: frozenset[str] = frozenset()
    is_referral: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCut:
    """The zone that was asked goes on below the name: nothing is delegated there."""

    cname: str | None = None


@dataclass(frozen=True, slots=True)
class Lame:
    """The server does not speak for the zone it was asked as a server of."""


def read_cut(
    reply: dns.message.Message, *, zone: dns.name.Name, name: dns.name.Name
) -> Cut | NoCut | Lame:
    """What the reply of a server of ``zone`` to the question ``name NS`` says of a cut there."""
    if reply.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        return Lame()
    is_authoritative = bool(reply.flags & dns.flags.AA)
    cname = reply.get_rrset(reply.answer, name, _IN, dns.rdatatype.CNAME)
    if cname is not None:
        return NoCut(cname=as_text(cname[0].target)) if is_authoritative else Lame()
    answered = reply.get_rrset(reply.answer, name, _IN, dns.rdatatype.NS)
    if answered is not None:
        if not is_authoritative:
            return Lame()  # a recursive server's copy
        return Cut(
            nameservers=_names(answered), glue=_glue(reply, answered, zone), is_referral=False
        )
    referred = reply.get_rrset(reply.authority, name, _IN, dns.rdatatype.NS)
    if referred is not None and not is_authoritative and reply.rcode() == dns.rcode.NOERROR:
        return Cut(
            nameservers=_names(referred),
            glue=_glue(reply, referred, zone),
            ds=read_ds(reply.authority, name),
        )
    # Without AA it is a referral to elsewhere (upwards, or to the zone itself), or a cache.
    return NoCut() if is_authoritative else Lame()


def read_ds(section: list[dns.rrset.RRset], name: dns.name.Name) -> frozenset[str]:
    """The values of the DS records of ``name``, in lower case."""
    return frozenset(
        record.to_text().lower()
        for rrset in section
        if (rrset.name, rrset.rdtype) == (name, dns.rdatatype.DS)
        for record in rrset
    )


def read_addresses(reply: dns.message.Message, name: dns.name.Name) -> tuple[str, ...]:
    """The A or AAAA records of ``name`` in an authoritative answer."""
    if not reply.flags & dns.flags.AA:
        return ()
    return tuple(
        record.address
        for rdtype in _ADDRESS_TYPES
        for record in reply.get_rrset(reply.answer, name, _IN, rdtype) or ()
    )


def as_text(name: dns.name.Name) -> str:
    """A name in lower case without the final dot; the root is empty."""
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""


def _names(rrset: dns.rrset.RRset) -> frozenset[str]:
    return frozenset(as_text(record.target) for record in rrset)


def _glue(
    reply: dns.message.Message, nameservers: dns.rrset.RRset, zone: dns.name.Name
) -> dict[str, tuple[str, ...]]:
    """Addresses of those nameservers whose names lie in ``zone``: of others it cannot speak."""
    found = {}
    for record in nameservers:
        target = record.target
        if not target.is_subdomain(zone):
            continue
        addresses = tuple(
            address.address
            for rdtype in _ADDRESS_TYPES
            for address in reply.get_rrset(reply.additional, target, _IN, rdtype) or ()
        )
        if addresses:
            found[as_text(target)] = addresses
    return found
