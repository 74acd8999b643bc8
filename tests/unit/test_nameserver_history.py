from itertools import pairwise

from msgspec.structs import replace

from firstparty.model.feed import Zone
from firstparty.nameserver.answers import CompiledZone, compile_zone
from firstparty.nameserver.history import History, compare, list_records, serial_of, soa_of
from firstparty.zones.contents import build_contents

SHOP = Zone(
    apex="cdp.shop.test",
    serial=1,
    nameservers=("a-tok.ns.fp.test",),
    hosts=("evs.cdp.shop.test",),
    addresses=("192.0.2.1",),
)
APEX = b"\x03cdp\x04shop\x04test\x00"


def version(serial: int) -> CompiledZone:
    zone = replace(SHOP, serial=serial, addresses=(f"192.0.2.{serial}",))
    return compile_zone(build_contents(zone, service_domain="fp.test"))


def records(zone: CompiledZone) -> set[bytes]:
    return {one for at in zone.nodes.items() for one in list_records(*at)}


def history_of(*serials: int) -> History:
    history = History()
    versions = [version(serial) for serial in serials]
    for old, new in pairwise(versions):
        history.add(APEX, compare(old, new, dict(old.nodes)))
    return history


def test_the_changes_lead_from_one_version_to_the_other() -> None:
    changes = history_of(1, 2, 3, 4).since(APEX, 2)
    now = records(version(2))
    assert changes is not None
    for one in changes:
        assert {one.old_soa, *one.removed} <= now
        now = now - {one.old_soa, *one.removed} | {one.new_soa, *one.added}

    assert now == records(version(4))


def test_what_is_too_long_ago_or_never_was_is_not_known() -> None:
    long = history_of(*range(1, 100))

    assert long.since(APEX, 1) is None
    assert long.since(APEX, 98) is not None
    assert long.since(APEX, 99) is None  # it is the newest
    assert long.since(APEX, 500) is None
    assert long.since(b"\x05other\x00", 1) is None


def test_a_gap_makes_what_was_before_it_useless() -> None:
    history = history_of(1, 2)
    history.add(APEX, compare(version(5), version(6), dict(version(5).nodes)))

    assert history.since(APEX, 1) is None
    assert history.since(APEX, 5) is not None


def test_a_zone_that_is_gone_has_no_history() -> None:
    history = history_of(1, 2)
    history.forget(APEX)

    assert history.since(APEX, 1) is None


def test_soa_and_serial_are_those_of_the_zone() -> None:
    assert serial_of(version(7)) == 7
    assert soa_of(version(7)) in records(version(7))
