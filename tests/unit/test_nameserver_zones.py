from typing import Any

import dns.message
import dns.rcode
import msgspec

from firstparty.model.feed import FeedEntry, Targets, Topic, Zone
from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import RateLimiter, RateLimits
from firstparty.nameserver.responder import Responder
from firstparty.nameserver.zones import Zones


def a_zone(apex: str, **facts: Any) -> Zone:
    defaults = {
        "serial": 1,
        "nameservers": (f"a-{apex.split('.', maxsplit=1)[0]}.ns.fp.test",),
        "hosts": (f"evs.{apex}",),
        "addresses": ("192.0.2.1",),
    }
    return Zone(apex=apex, **{**defaults, **facts})


def entry(revision: int, key: str, zone: Zone | bytes | None) -> FeedEntry:
    body = msgspec.json.encode(zone) if isinstance(zone, Zone) else zone
    return FeedEntry(revision=revision, topic=Topic.ZONES, key=key, body=body)


def new_zones() -> Zones:
    return Zones(service_domain="fp.test", nameserver_addresses=["192.0.2.53"])


def ask(zones: Zones, name: str, rdtype: str = "A") -> dns.message.Message:
    responder = Responder(
        zones.answers, cookies=Cookies(bytes(32)), limiter=RateLimiter(RateLimits())
    )
    wire = responder.answer_udp(dns.message.make_query(name, rdtype).to_wire(), b"\xc0\x00\x02\x63")
    assert wire is not None
    return dns.message.from_wire(wire)


def address(answer: dns.message.Message) -> str:
    return answer.answer[0][0].to_text() if answer.answer else ""


def test_a_change_of_a_zone_replaces_all_of_it() -> None:
    zones = new_zones()
    zones.apply([entry(1, "dom_1", a_zone("one.test"))])
    zones.apply([entry(2, "dom_1", a_zone("one.test", hosts=("api.one.test",)))])

    assert address(ask(zones, "api.one.test")) == "192.0.2.1"
    assert ask(zones, "evs.one.test").rcode() == dns.rcode.NXDOMAIN


def test_a_removed_zone_is_refused() -> None:
    zones = new_zones()
    zones.apply([entry(1, "dom_1", a_zone("one.test")), entry(2, "dom_1", None)])

    assert ask(zones, "evs.one.test").rcode() == dns.rcode.REFUSED


def test_a_bad_entry_leaves_its_zone_and_the_others_as_they_were() -> None:
    zones = new_zones()
    zones.apply([entry(1, "dom_1", a_zone("one.test"))])
    zones.apply(
        [
            entry(2, "dom_1", a_zone("one.test", nameservers=())),
            entry(3, "dom_2", b"not json"),
            entry(4, "dom_3", b'{"apex": 1}'),
            entry(5, "dom_4", a_zone("four.test")),
        ]
    )

    assert address(ask(zones, "evs.one.test")) == "192.0.2.1"
    assert address(ask(zones, "evs.four.test")) == "192.0.2.1"


def test_the_end_of_an_earlier_claim_does_not_take_the_zone_of_the_later_one() -> None:
    zones = new_zones()
    zones.apply([entry(1, "dom_old", a_zone("one.test"))])
    zones.apply([entry(2, "dom_new", a_zone("one.test", addresses=("192.0.2.2",)))])
    zones.apply([entry(3, "dom_old", None)])

    assert address(ask(zones, "evs.one.test")) == "192.0.2.2"


def test_a_claim_that_changes_its_apex_gives_up_the_old_one() -> None:
    zones = new_zones()
    zones.apply([entry(1, "dom_1", a_zone("one.test"))])
    zones.apply([entry(2, "dom_1", a_zone("two.test"))])

    assert ask(zones, "evs.one.test").rcode() == dns.rcode.REFUSED
    assert address(ask(zones, "evs.two.test")) == "192.0.2.1"


def test_nameserver_names_of_claims_have_addresses_while_their_zones_are_there() -> None:
    zones = new_zones()
    before = ask(zones, "a-one.ns.fp.test")
    zones.apply([entry(1, "dom_1", a_zone("one.test"))])
    there = ask(zones, "a-one.ns.fp.test")
    zones.apply([entry(2, "dom_1", None)])
    after = ask(zones, "a-one.ns.fp.test")

    assert before.rcode() == after.rcode() == dns.rcode.NXDOMAIN
    assert address(there) == "192.0.2.53"


def test_a_nameserver_name_outside_the_service_domain_is_not_answered() -> None:
    zones = new_zones()
    zones.apply([entry(1, "dom_1", a_zone("one.test", nameservers=("ns.elsewhere.test",)))])

    assert ask(zones, "ns.elsewhere.test").rcode() == dns.rcode.REFUSED


def test_a_name_above_nameserver_names_is_there_and_empty() -> None:
    zones = new_zones()
    zones.apply([entry(1, "dom_1", a_zone("one.test"))])
    answer = ask(zones, "ns.fp.test")

    assert answer.rcode() == dns.rcode.NOERROR
    assert answer.authority[0].ttl == 5


def test_a_claim_published_again_keeps_its_nameserver_names() -> None:
    zones = new_zones()
    zones.apply([entry(1, "dom_1", a_zone("one.test"))])
    zones.apply([entry(2, "dom_1", a_zone("one.test", serial=2))])

    assert address(ask(zones, "a-one.ns.fp.test")) == "192.0.2.53"


def test_the_service_zones_serial_grows_with_the_feed() -> None:
    zones = new_zones()
    zones.apply([entry(41, "dom_1", a_zone("one.test"))])

    assert ask(zones, "fp.test", "SOA").answer[0][0].serial == 41


def test_nobody_takes_the_service_domain_by_an_entry_of_the_feed() -> None:
    zones = new_zones()
    zones.apply([entry(1, "dom_1", a_zone("fp.test"))])
    zones.apply([entry(2, "dom_1", None)])

    assert ask(zones, "evs.fp.test").rcode() == dns.rcode.NXDOMAIN
    assert address(ask(zones, "ns1.fp.test")) == "192.0.2.53"


def targets(revision: int, key: str, body: Targets | bytes | None) -> FeedEntry:
    encoded = msgspec.json.encode(body) if isinstance(body, Targets) else body
    return FeedEntry(revision=revision, topic=Topic.TARGETS, key=key, body=encoded)


OURS = Targets(
    names=("c-tok.edge.fp.test", "e-tok.edge.fp.test"), addresses=("192.0.2.1", "2001:db8::1")
)


def test_cname_targets_have_the_edges_addresses_and_https_records() -> None:
    zones = new_zones()
    zones.apply([targets(1, "dom_1", OURS)])

    for name in OURS.names:
        assert address(ask(zones, name)) == "192.0.2.1"
        assert address(ask(zones, name, "AAAA")) == "2001:db8::1"
        assert address(ask(zones, name, "HTTPS")) == '1 . alpn="h2,http/1.1"'
    assert ask(zones, "edge.fp.test").rcode() == dns.rcode.NOERROR


def test_names_for_challenges_have_their_values_or_say_that_there_are_none() -> None:
    zones = new_zones()
    names = ("c-tok.acme.fp.test", "e-tok.acme.fp.test")
    waiting = msgspec.structs.replace(OURS, challenges=dict.fromkeys(names, ()))
    ordered = msgspec.structs.replace(OURS, challenges={names[0]: ("value",), names[1]: ()})
    zones.apply([targets(1, "dom_1", waiting)])
    before = [address(ask(zones, name, "TXT")) for name in names]
    zones.apply([targets(2, "dom_1", ordered)])
    during = [address(ask(zones, name, "TXT")) for name in names]
    zones.apply([targets(3, "dom_1", None)])

    assert before == ['"no challenge at the moment"'] * 2
    assert during == ['"value"', before[1]]
    assert {ask(zones, name, "TXT").rcode() for name in names} == {dns.rcode.NXDOMAIN}


def test_cname_targets_are_nxdomain_after_the_domain_is_removed() -> None:
    zones = new_zones()
    zones.apply([targets(1, "dom_1", OURS), targets(2, "dom_1", None)])

    assert ask(zones, OURS.names[0]).rcode() == dns.rcode.NXDOMAIN


def test_a_domain_may_have_a_zone_and_targets_under_one_key() -> None:
    zones = new_zones()
    zones.apply([entry(1, "dom_1", a_zone("one.test")), targets(2, "dom_1", OURS)])
    zones.apply([entry(3, "dom_1", None)])

    assert ask(zones, "evs.one.test").rcode() == dns.rcode.REFUSED
    assert address(ask(zones, OURS.names[0])) == "192.0.2.1"


def test_targets_published_with_other_addresses_have_those() -> None:
    zones = new_zones()
    moved = msgspec.structs.replace(OURS, addresses=("192.0.2.2",))
    zones.apply([targets(1, "dom_1", OURS), targets(2, "dom_1", moved)])

    assert address(ask(zones, OURS.names[1])) == "192.0.2.2"
    assert ask(zones, OURS.names[1], "AAAA").answer == []


def test_bad_targets_leave_the_earlier_ones_as_they_were() -> None:
    zones = new_zones()
    zones.apply([targets(1, "dom_1", OURS)])
    bad = msgspec.structs.replace(OURS, addresses=("not an address",))
    zones.apply([targets(2, "dom_1", bad), targets(3, "dom_1", b"not json")])

    assert address(ask(zones, OURS.names[0])) == "192.0.2.1"
