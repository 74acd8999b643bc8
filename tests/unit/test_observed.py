from firstparty.config.addresses import Address
from firstparty.resolver.observed import (
    OwnAnswer,
    OwnServerAnswer,
    ParentAnswer,
    ServerAnswer,
    Transport,
    Trouble,
)

OURS = frozenset({"a-tok.ns.fp.test", "b-tok.ns.fp.test"})
V4, V6 = Address("192.0.2.1", 53), Address("2001:db8::1", 53)


def parent(*servers: ServerAnswer, trouble: Trouble | None = None) -> ParentAnswer:
    return ParentAnswer(name="cdp.shop.test", parent="shop.test", servers=servers, trouble=trouble)


def test_all_servers_with_exactly_our_names_prove_it() -> None:
    seen = parent(
        ServerAnswer(server="ns1", address=V4, nameservers=OURS),
        ServerAnswer(server="ns2", address=V6, nameservers=OURS),
    )

    assert seen.delegates_exactly_to(OURS)


def test_one_name_more_or_less_at_one_server_proves_nothing() -> None:
    for seen_there in (OURS | {"ns.elsewhere.test"}, OURS - {"a-tok.ns.fp.test"}, frozenset()):
        seen = parent(
            ServerAnswer(server="ns1", address=V4, nameservers=OURS),
            ServerAnswer(server="ns2", address=V6, nameservers=seen_there),
        )

        assert not seen.delegates_exactly_to(OURS)


def test_a_server_that_was_not_heard_leaves_it_open() -> None:
    seen = parent(
        ServerAnswer(server="ns1", address=V4, nameservers=OURS),
        ServerAnswer(server="ns2", address=V6, trouble=Trouble.TIMEOUT),
    )

    assert not seen.is_complete
    assert not seen.delegates_exactly_to(OURS)


def test_an_address_without_a_route_is_spoken_for_by_the_servers_other_address() -> None:
    no_ipv6 = ServerAnswer(server="ns1", address=V6, trouble=Trouble.NO_ROUTE)

    assert parent(ServerAnswer(server="ns1", address=V4), no_ipv6).is_complete
    assert not parent(ServerAnswer(server="ns2", address=V4), no_ipv6).is_complete


def test_nobody_heard_proves_nothing() -> None:
    assert not parent().delegates_exactly_to(frozenset())


def test_our_zone_is_served_when_each_server_has_the_serial_over_both_transports() -> None:
    udp = OwnServerAnswer(address=V4, transport=Transport.UDP, serial=7)
    behind = OwnServerAnswer(address=V4, transport=Transport.TCP, serial=6)
    hostless = OwnServerAnswer(
        address=V4, transport=Transport.TCP, serial=7, missing_hosts=("evs.cdp.shop.test",)
    )

    assert OwnAnswer(apex="cdp.shop.test", servers=(udp,)).serves(7)
    assert not OwnAnswer(apex="cdp.shop.test", servers=(udp, behind)).serves(7)
    assert not OwnAnswer(apex="cdp.shop.test", servers=(udp, hostless)).serves(7)
    assert not OwnAnswer(apex="cdp.shop.test", servers=()).serves(7)
