"""Signed zones, answered by our nameserver and judged by Unbound."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest
from msgspec.structs import replace

from firstparty.config.addresses import Address
from firstparty.model.dnssec import build_ds_record
from firstparty.model.feed import SignedZone, Zone
from firstparty.store import tables
from firstparty.store.engine import Store
from firstparty.zones.contents import build_contents
from firstparty.zones.packing import pack_contents
from firstparty.zones.signing import ZoneSigner, make_private_key
from tests.fakes.validating_resolver import validating_resolver
from tests.nameserver_rig import has_answer, running

pytestmark = pytest.mark.needs("unbound")

SHOP = Zone(
    apex="cdp.shop.test",
    serial=1,
    nameservers=("a-tok.ns.fp.test", "b-tok.ns.fp.test"),
    hosts=("evs.cdp.shop.test", "api.eu.cdp.shop.test"),
    addresses=("192.0.2.1", "2001:db8::1"),
    txt={"_acme-challenge.evs.cdp.shop.test": ("token",)},
)
SIGNER = ZoneSigner(make_private_key())


NEXT = ZoneSigner(make_private_key())


def rolling(signer: ZoneSigner, beside: ZoneSigner | None, announced: ZoneSigner) -> Zone:
    now = datetime.now(UTC)
    until = now + timedelta(days=21)
    contents = signer.sign(
        build_contents(SHOP, service_domain="fp.test"),
        beside=beside,
        announced=announced,
        now=now,
        until=until,
    )
    return replace(
        SHOP,
        signed=SignedZone(
            records=pack_contents(contents), dnskey=announced.dnskey, expires_at=until
        ),
    )


def signed(*, ended_ago: timedelta = timedelta(days=-21)) -> Zone:
    until = datetime.now(UTC) - ended_ago
    contents = SIGNER.sign(
        build_contents(SHOP, service_domain="fp.test"), now=until - timedelta(days=21), until=until
    )
    records = SignedZone(records=pack_contents(contents), dnskey=SIGNER.dnskey, expires_at=until)
    return replace(SHOP, signed=records)


@contextlib.asynccontextmanager
async def resolving(
    folder: Path, zone: Zone, *, dnskey: bytes = SIGNER.dnskey
) -> AsyncIterator[Address]:
    """A resolver that trusts this key, in front of our nameserver with this zone."""
    store = Store(f"sqlite:///{folder / 'store.db'}")
    tables.metadata.create_all(store.engine)
    ds = build_ds_record(SHOP.apex, dnskey)
    async with running(store, folder / "zones.snapshot") as nameserver:
        nameserver.publish("dom_1", zone)
        await nameserver.until("evs.cdp.shop.test", has_answer)
        anchors = [f"{ds.name} DS {ds.value}"]
        stubs = {SHOP.apex: nameserver.address}
        async with validating_resolver(folder, anchors=anchors, stubs=stubs) as address:
            yield address
    store.close()


async def resolve(address: Address, name: str, rdtype: str) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, want_dnssec=True)
    query.flags |= dns.flags.AD
    return await dns.asyncquery.udp(query, address.host, port=address.port, timeout=10)


async def test_a_validating_resolver_finds_everything_secure(tmp_path: Path) -> None:
    expected = {
        ("evs.cdp.shop.test", "A"): dns.rcode.NOERROR,
        ("evs.cdp.shop.test", "HTTPS"): dns.rcode.NOERROR,
        ("cdp.shop.test", "SOA"): dns.rcode.NOERROR,
        ("cdp.shop.test", "CDS"): dns.rcode.NOERROR,
        ("_acme-challenge.evs.cdp.shop.test", "TXT"): dns.rcode.NOERROR,
        ("cdp.shop.test", "CAA"): dns.rcode.NOERROR,  # there is none
        ("evs.cdp.shop.test", "TXT"): dns.rcode.NOERROR,  # there is none
        ("eu.cdp.shop.test", "A"): dns.rcode.NOERROR,  # a name between two others
        ("no.cdp.shop.test", "A"): dns.rcode.NXDOMAIN,
        ("a.b.evs.cdp.shop.test", "AAAA"): dns.rcode.NXDOMAIN,
        ("zz.cdp.shop.test", "A"): dns.rcode.NXDOMAIN,
    }
    async with resolving(tmp_path, signed()) as address:
        answers = {asked: await resolve(address, *asked) for asked in expected}

    assert {asked: answer.rcode() for asked, answer in answers.items()} == expected
    assert [asked for asked, answer in answers.items() if not answer.flags & dns.flags.AD] == []


@pytest.mark.parametrize(
    ("zone", "dnskey"),
    [
        (signed(), ZoneSigner(make_private_key()).dnskey),  # a stale DS
        (signed(ended_ago=timedelta(days=3)), SIGNER.dnskey),
        (SHOP, SIGNER.dnskey),  # not signed at all
    ],
    ids=["another key", "ended", "unsigned"],
)
async def test_what_is_not_rightly_signed_is_not_found(
    tmp_path: Path, zone: Zone, dnskey: bytes
) -> None:
    async with resolving(tmp_path, zone, dnskey=dnskey) as address:
        answer = await resolve(address, "evs.cdp.shop.test", "A")

    assert answer.rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize(
    ("zone", "ds_of"),
    [
        (rolling(SIGNER, NEXT, SIGNER), SIGNER),
        (rolling(NEXT, SIGNER, NEXT), SIGNER),
        (rolling(NEXT, SIGNER, NEXT), NEXT),
        (rolling(NEXT, None, NEXT), NEXT),
    ],
    ids=["introduced", "announced", "retiring", "done"],
)
async def test_a_zone_is_secure_in_every_state_of_a_roll(
    tmp_path: Path, zone: Zone, ds_of: ZoneSigner
) -> None:
    asked = [("evs.cdp.shop.test", "A"), ("cdp.shop.test", "CDS"), ("no.cdp.shop.test", "A")]
    async with resolving(tmp_path, zone, dnskey=ds_of.dnskey) as address:
        answers = [await resolve(address, *one) for one in asked]

    assert all(answer.flags & dns.flags.AD for answer in answers)


async def test_a_key_that_is_taken_away_before_its_ds_makes_the_zone_bogus(tmp_path: Path) -> None:
    zone = rolling(NEXT, None, NEXT)
    async with resolving(tmp_path, zone, dnskey=SIGNER.dnskey) as address:
        answer = await resolve(address, "evs.cdp.shop.test", "A")

    assert answer.rcode() == dns.rcode.SERVFAIL
