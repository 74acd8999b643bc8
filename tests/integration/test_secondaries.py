"""Our nameserver as hidden primary of real secondaries, and what it gives to whom."""

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.xfr
import dns.zone
import msgspec
import pytest
from msgspec.structs import replace

from firstparty.config.addresses import Address, ConfigError
from firstparty.config.settings import NameserverSettings, TransferSettings
from firstparty.model.feed import SignedZone, Zone
from firstparty.nameserver.server import serve_nameserver
from firstparty.store import tables
from firstparty.store.engine import Store
from firstparty.store.reader import open_feed
from firstparty.zones.contents import build_contents
from firstparty.zones.packing import pack_contents
from firstparty.zones.signing import ZoneSigner, make_private_key
from tests.fakes.dns_server import bind_both
from tests.fakes.secondaries import BIND, KNOT, running_secondary
from tests.nameserver_rig import SHOP, Nameserver, has_answer
from tests.ports import free_port

SECRET = base64.b64encode(b"s" * 32).decode()
KEY = dns.tsig.Key("firstparty.", b"s" * 32, dns.tsig.HMAC_SHA256)
SIGNER = ZoneSigner(make_private_key())
PROGRAMS = {
    "knotd": (["knotd", "-c"], KNOT),
    "named": (["named", "-g", "-c"], BIND),
}


def signed(zone: Zone) -> Zone:
    now, until = datetime.now(UTC), datetime.now(UTC) + timedelta(days=21)
    contents = SIGNER.sign(build_contents(zone, service_domain="fp.test"), now=now, until=until)
    records = SignedZone(records=pack_contents(contents), dnskey=SIGNER.dnskey, expires_at=until)
    return replace(zone, signed=records)


@contextlib.asynccontextmanager
async def a_primary(folder: Path, **transfer: object) -> AsyncIterator[Nameserver]:
    store = Store(f"sqlite:///{folder / 'store.db'}")
    tables.metadata.create_all(store.engine)
    udp, tcp = bind_both()
    settings = NameserverSettings(
        addresses=("192.0.2.53",),
        transfer=msgspec.convert({"secret": SECRET} | transfer, TransferSettings),
    )
    with udp, tcp:
        task = asyncio.create_task(
            serve_nameserver(
                udp=[udp],
                tcp=[tcp],
                feed=open_feed(str(store.engine.url)),
                snapshot=folder / "zones.snapshot",
                service_domain="fp.test",
                settings=settings,
            )
        )
        try:
            yield Nameserver(store, Address("127.0.0.1", udp.getsockname()[1]))
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    store.close()


async def until(
    address: Address,
    name: str,
    is_right: Callable[[dns.message.Message], bool],
    rdtype: str = "A",
    *,
    seconds: float = 40,
) -> float:
    """Seconds until the server at ``address`` answers rightly."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while True:
            with contextlib.suppress(dns.exception.Timeout, OSError):
                query = dns.message.make_query(name, rdtype, want_dnssec=True)
                answer = await dns.asyncquery.udp(
                    query, address.host, port=address.port, timeout=0.5
                )
                if is_right(answer):
                    return time.monotonic() - began
            await asyncio.sleep(0.02)


def has_address(text: str) -> Callable[[dns.message.Message], bool]:
    return lambda answer: any(
        text == one.to_text() for rrset in answer.answer for one in rrset if rrset.rdtype == 1
    )


def is_gone(answer: dns.message.Message) -> bool:
    return answer.rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("knotd", marks=pytest.mark.needs("knotd")),
        pytest.param("named", marks=pytest.mark.needs("named")),
    ],
)
async def test_a_secondary_follows_by_the_catalog_alone(tmp_path: Path, program: str) -> None:
    own = Address("127.0.0.1", free_port())
    command, template = PROGRAMS[program]
    async with a_primary(tmp_path, notify=[str(own)]) as primary:
        primary.publish("dom_1", signed(SHOP))
        await primary.until("evs.cdp.shop.test", has_answer)
        async with running_secondary(
            command, template, tmp_path, own=own, primary=primary.address, secret=SECRET
        ):
            await until(own, "evs.cdp.shop.test", has_address("192.0.2.1"))
            await until(own, "a-tok.ns.fp.test", has_address("192.0.2.53"))
            changed = replace(SHOP, serial=2, addresses=("192.0.2.2",))
            primary.publish("dom_1", signed(changed))
            await until(own, "evs.cdp.shop.test", has_address("192.0.2.2"))
            other = replace(
                SHOP,
                apex="cdp.new.test",
                hosts=("evs.cdp.new.test",),
                nameservers=("x.ns.fp.test",),
            )
            primary.publish("dom_2", signed(other))
            await until(own, "evs.cdp.new.test", has_address("192.0.2.1"))
            await until(own, "x.ns.fp.test", has_address("192.0.2.53"))
            negative = dns.message.make_query("no.cdp.new.test", "A", want_dnssec=True)
            denied = await dns.asyncquery.udp(negative, own.host, port=own.port, timeout=30)
            primary.publish("dom_1", None)
            await until(own, "evs.cdp.shop.test", is_gone)

    assert denied.rcode() == dns.rcode.NXDOMAIN
    assert {rrset.rdtype for rrset in denied.authority} == {6, 46, 47}


def transferred(address: Address, zone: dns.zone.Zone, *, serial: int | None) -> None:
    """Take ``zone`` whole, or what changed in it since ``serial``, as dnspython understands it."""
    query, _ = dns.xfr.make_query(zone, serial=serial)
    query.use_tsig(KEY)
    dns.query.inbound_xfr(address.host, zone, query, port=address.port, timeout=30)


async def test_what_changed_is_enough_to_have_the_whole_zone(tmp_path: Path) -> None:
    async with a_primary(tmp_path) as primary:
        primary.publish("dom_1", signed(SHOP))
        await primary.until("evs.cdp.shop.test", has_answer)
        names = ("cdp.shop.test", "fp.test", "catalog.fp.test")
        kept = {name: dns.zone.Zone(dns.name.from_text(name)) for name in names}
        for zone in kept.values():
            await asyncio.to_thread(transferred, primary.address, zone, serial=None)
        for serial in (2, 3, 4):
            changed = replace(SHOP, serial=serial, addresses=(f"192.0.2.{serial}",))
            primary.publish("dom_1", signed(changed))
            new = replace(
                SHOP, apex=f"cdp{serial}.test", hosts=(), nameservers=(f"n{serial}.fp.test",)
            )
            primary.publish(f"dom_{serial}", new)
            await primary.until("evs.cdp.shop.test", has_address(f"192.0.2.{serial}"))
        primary.publish("dom_2", None)
        await primary.until("n2.fp.test", lambda answer: not has_answer(answer))
        for name, zone in kept.items():
            before = zone.get_soa().serial
            await asyncio.to_thread(transferred, primary.address, zone, serial=before)
            fresh = dns.zone.Zone(dns.name.from_text(name))
            await asyncio.to_thread(transferred, primary.address, fresh, serial=None)

            assert zone.get_soa().serial > before
            assert zone == fresh
    catalog = kept["catalog.fp.test"]
    members = {one[0].target.to_text() for _, one in catalog.iterate_rdatasets("PTR")}

    assert members == {"fp.test.", "cdp.shop.test.", "cdp3.test.", "cdp4.test."}


@pytest.mark.parametrize("rdtype", ["AXFR", "IXFR", "SOA"])
@pytest.mark.parametrize(
    ("key", "transfer"),
    [
        (dns.tsig.Key("firstparty.", b"x" * 32, dns.tsig.HMAC_SHA256), {}),
        (dns.tsig.Key("other.", b"s" * 32, dns.tsig.HMAC_SHA256), {}),
        (KEY, {"allow": ["192.0.2.0/24"]}),
        (None, {}),
    ],
    ids=["wrong secret", "wrong name", "wrong address", "no key"],
)
async def test_without_the_key_or_from_elsewhere_nothing_is_given(
    tmp_path: Path, key: dns.tsig.Key | None, transfer: dict[str, object], rdtype: str
) -> None:
    async with a_primary(tmp_path, **transfer) as primary:
        await primary.ask("fp.test", "SOA")
        query = dns.message.make_query("catalog.fp.test", rdtype)
        if key is not None:
            query.use_tsig(key)
        wire = query.to_wire()
        reader, writer = await asyncio.open_connection(*primary.address)
        writer.write(len(wire).to_bytes(2, "big") + wire)
        length = int.from_bytes(await reader.readexactly(2), "big")
        answer = dns.message.from_wire(await reader.readexactly(length))
        writer.close()

    assert answer.rcode() == (dns.rcode.NOTAUTH if key else _UNSIGNED[rdtype])
    assert not answer.answer


# The catalog is a name of the service zone that is not there, for whoever has no key.
_UNSIGNED = {
    "AXFR": dns.rcode.REFUSED,
    "IXFR": dns.rcode.REFUSED,
    "SOA": dns.rcode.NXDOMAIN,
}


@pytest.mark.parametrize(
    ("transfer", "key"),
    [
        ({"secret": "not base64!"}, "nameserver.transfer"),
        ({"secret": base64.b64encode(b"short").decode()}, "nameserver.transfer.secret"),
        ({"allow": ["everywhere"]}, "nameserver.transfer.allow"),
        ({"notify": ["192.0.2.1"]}, "nameserver.transfer.notify"),
    ],
)
async def test_settings_that_cannot_be_used_are_named(
    tmp_path: Path, transfer: dict[str, object], key: str
) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    with pytest.raises(ConfigError, match=key):
        await serve_nameserver(
            udp=[],
            tcp=[],
            feed=open_feed(str(store.engine.url)),
            snapshot=tmp_path / "zones.snapshot",
            service_domain="fp.test",
            settings=NameserverSettings(
                transfer=msgspec.convert({"secret": SECRET} | transfer, TransferSettings)
            ),
        )
