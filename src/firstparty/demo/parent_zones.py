"""What the demo's parent zones hold and answer: pure functions on dnspython's zones."""

from collections.abc import Mapping, Sequence
from typing import Final

import dns.flags
import dns.message
import dns.name
import dns.node
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.serial
import dns.transaction
import dns.update
import dns.zone

TTL: Final = 300
_SOA: Final = "SOA ns.{name} hostmaster.{name} 1 3600 600 86400 60"


def build_zone(
    name: str,
    *,
    address: str = "127.0.0.1",
    delegations: Mapping[str, Sequence[str]] | None = None,
    addresses: Mapping[str, Sequence[str]] | None = None,
) -> dns.zone.Zone:
    """A parent zone served at ``address`` by ``ns.<name>``.

    ``delegations`` maps a name below to its nameservers' names, ``addresses`` host names to their
    addresses (glue too, where a nameserver lies in or below the zone). Names are absolute.
    """
    origin = dns.name.from_text(name)
    zone = dns.zone.Zone(origin, relativize=False)
    dotted = "" if origin == dns.name.root else origin.to_text()
    records = [(origin, _SOA.format(name=dotted or "invalid.")), (origin, f"NS ns.{dotted}")]
    if dotted:
        records.append((dns.name.from_text(f"ns.{dotted}"), f"A {address}"))
    else:
        records = [(origin, records[0][1]), (origin, "NS ns.root-servers.test.")]
    for cut, nameservers in (delegations or {}).items():
        records += [
            (dns.name.from_text(cut), f"NS {dns.name.from_text(nameserver)}")
            for nameserver in nameservers
        ]
    for host, values in (addresses or {}).items():
        records += [
            (dns.name.from_text(host), f"{'AAAA' if ':' in value else 'A'} {value}")
            for value in values
        ]
    with zone.writer() as writer:
        for owner, text in records:
            kind, _, rdata = text.partition(" ")
            writer.add(owner, dns.rdataset.from_text("IN", kind, TTL, rdata))
    return zone


def build_world(
    service_domain: str,
    nameservers: Mapping[str, Sequence[str]],
    *,
    site: str = "shop.test",
    address: str = "127.0.0.1",
) -> list[dns.zone.Zone]:
    """The zones above ours: the root, ``test``, and the site's own.

    ``service_domain`` is delegated to ``nameservers`` (name to addresses), with glue, in the zone
    right above it.
    """
    service = dns.name.from_text(service_domain)
    glue = {name: values for name, values in nameservers.items() if values}
    own = {service_domain: list(nameservers)}
    is_in_test = service.is_subdomain(dns.name.from_text("test."))
    return [
        build_zone(
            ".",
            address=address,
            delegations={"test.": ["ns.test."], **({} if is_in_test else own)},
            addresses={
                "ns.root-servers.test.": [address],
                "ns.test.": [address],
                **({} if is_in_test else glue),
            },
        ),
        build_zone(
            "test.",
            address=address,
            delegations={site: [f"ns.{site}."], **(own if is_in_test else {})},
            addresses={f"ns.{site}.": [address], **(glue if is_in_test else {})},
        ),
        build_zone(site, address=address, addresses={site: [address], f"www.{site}": [address]}),
    ]


def answer_query(
    zones: Mapping[dns.name.Name, dns.zone.Zone], query: dns.message.Message
) -> dns.message.Message:
    """The authoritative answer: data, a referral, NODATA, NXDOMAIN; REFUSED outside the zones."""
    response = dns.message.make_response(query)
    response.flags &= ~dns.flags.RA
    if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
        response.set_rcode(dns.rcode.NOTIMP if len(query.question) == 1 else dns.rcode.FORMERR)
        return response
    question = query.question[0]
    zone = _closest_zone(zones, question.name, question.rdtype)
    if zone is None or question.rdclass != dns.rdataclass.IN:
        response.set_rcode(dns.rcode.REFUSED)
        return response
    cut = _cut(zone, question.name)
    if cut is not None and not (cut == question.name and question.rdtype == dns.rdatatype.DS):
        response.authority.append(_rrset(zone, cut, dns.rdatatype.NS))
        _add_addresses(zones, response, response.authority[0])
        return response
    response.flags |= dns.flags.AA
    node = zone.get_node(question.name)
    kinds = (question.rdtype, dns.rdatatype.CNAME)
    found = [
        _rrset(zone, question.name, rdataset.rdtype)
        for rdataset in (node or ())
        if rdataset.rdtype in kinds or question.rdtype == dns.rdatatype.ANY
    ]
    if found:
        response.answer += found
        return response
    if not _exists(zone, question.name):
        response.set_rcode(dns.rcode.NXDOMAIN)
    assert zone.origin is not None
    response.authority.append(_rrset(zone, zone.origin, dns.rdatatype.SOA))
    return response


def apply_update(zone: dns.zone.Zone, update: dns.update.UpdateMessage) -> dns.rcode.Rcode:
    """Apply an UPDATE whole or not at all (RFC 2136 §3); its rcode."""
    assert zone.origin is not None
    for wanted in update.prerequisite:
        rcode = _check_prerequisite(zone, wanted)
        if rcode != dns.rcode.NOERROR:
            return rcode
    if not all(change.name.is_subdomain(zone.origin) for change in update.update):
        return dns.rcode.NOTZONE
    with zone.writer() as writer:
        for change in update.update:
            _change(writer, change, zone.origin)
        writer.update_serial(1, name=zone.origin)
    return dns.rcode.NOERROR


def _check_prerequisite(zone: dns.zone.Zone, wanted: dns.rrset.RRset) -> dns.rcode.Rcode:
    """RFC 2136 §2.4 and §3.2: a name or an rrset that must, or must not, be there."""
    assert zone.origin is not None
    if not wanted.name.is_subdomain(zone.origin):
        return dns.rcode.NOTZONE
    is_any = wanted.rdtype == dns.rdatatype.ANY
    there = None if is_any else zone.get_rdataset(wanted.name, wanted.rdtype)
    is_there = zone.get_node(wanted.name) is not None if is_any else there is not None
    if wanted.deleting == dns.rdataclass.NONE:
        missing_is_right = dns.rcode.YXDOMAIN if is_any else dns.rcode.YXRRSET
        return missing_is_right if is_there else dns.rcode.NOERROR
    if not is_there:
        return dns.rcode.NXDOMAIN if is_any else dns.rcode.NXRRSET
    if wanted.deleting is None and there is not None and set(there) != set(wanted):
        return dns.rcode.NXRRSET
    return dns.rcode.NOERROR


def _change(
    writer: dns.transaction.Transaction, change: dns.rrset.RRset, origin: dns.name.Name
) -> None:
    """One change of RFC 2136 §2.5. The apex keeps its SOA and NS, whatever is asked (§3.4.2.3)."""
    is_kept = change.name == origin and change.rdtype in {
        dns.rdatatype.SOA,
        dns.rdatatype.NS,
        dns.rdatatype.ANY,
    }
    match change.deleting:
        case None:
            writer.add(change.name, change.to_rdataset())
        case _ if is_kept:
            return
        case dns.rdataclass.NONE:
            writer.delete(change.name, change.to_rdataset())
        case _ if change.rdtype == dns.rdatatype.ANY:
            writer.delete(change.name)
        case _:
            writer.delete(change.name, change.rdtype)


def _closest_zone(
    zones: Mapping[dns.name.Name, dns.zone.Zone],
    name: dns.name.Name,
    rdtype: dns.rdatatype.RdataType,
) -> dns.zone.Zone | None:
    candidates = [origin for origin in zones if name.is_subdomain(origin)]
    if rdtype == dns.rdatatype.DS and len(candidates) > 1:
        # The DS records of a cut lie above it (RFC 4035 §3.1.4.1).
        candidates = [origin for origin in candidates if origin != name]
    return zones[max(candidates, key=len)] if candidates else None


def _cut(zone: dns.zone.Zone, name: dns.name.Name) -> dns.name.Name | None:
    """The delegated name at or above ``name``, the one nearest to the apex; None inside."""
    assert zone.origin is not None
    for labels in range(len(zone.origin) + 1, len(name) + 1):
        ancestor = name.split(labels)[1]
        if zone.get_rdataset(ancestor, dns.rdatatype.NS) is not None:
            return ancestor
    return None


def _exists(zone: dns.zone.Zone, name: dns.name.Name) -> bool:
    """Whether the name has records or names below it (RFC 8020: then it is no NXDOMAIN)."""
    return any(owner.is_subdomain(name) for owner in zone.nodes)


def _rrset(
    zone: dns.zone.Zone, name: dns.name.Name, rdtype: dns.rdatatype.RdataType
) -> dns.rrset.RRset:
    return zone.get_rrset(name, rdtype) or dns.rrset.RRset(name, dns.rdataclass.IN, rdtype)


def _add_addresses(
    zones: Mapping[dns.name.Name, dns.zone.Zone],
    response: dns.message.Message,
    nameservers: dns.rrset.RRset,
) -> None:
    """The glue of a referral, where any of our zones has it."""
    for nameserver in nameservers:
        for zone in zones.values():
            for rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
                found = zone.get_rrset(nameserver.target, rdtype)
                if found is not None and found not in response.additional:
                    response.additional.append(found)
