import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import dns.flags
import dns.rcode
import msgspec
import pytest

from firstparty.config.addresses import Address, ConfigError
from firstparty.config.settings import NameserverSettings
from firstparty.nameserver.server import serve_nameserver
from firstparty.resolver.observed import Transport, Trouble
from firstparty.resolver.own import fetch_txt, probe_own_servers
from firstparty.store.engine import Store
from firstparty.store.reader import open_feed
from tests.fakes.dns_server import bind_both
from tests.nameserver_rig import SHOP, Nameserver, a_store, has_answer, is_refused, running

CHALLENGE = "_acme-challenge.evs.cdp.shop.test"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return a_store(tmp_path)


@pytest.fixture
async def nameserver(store: Store, tmp_path: Path) -> AsyncIterator[Nameserver]:
    async with running(store, tmp_path / "zones.snapshot") as nameserver:
        yield nameserver


@pytest.mark.parametrize(
    ("service_domain", "address"), [("fp test", "192.0.2.53"), ("fp.test", "192.0.2.530")]
)
async def test_settings_that_cannot_be_answered_are_named(
    store: Store, tmp_path: Path, service_domain: str, address: str
) -> None:
    with pytest.raises(ConfigError, match=r"service\.domain or nameserver\.addresses"):
        await serve_nameserver(
            udp=[],
            tcp=[],
            feed=open_feed(str(store.engine.url)),
            snapshot=tmp_path / "zones.snapshot",
            service_domain=service_domain,
            settings=NameserverSettings(addresses=(address,)),
        )


async def test_a_published_zone_is_answered_over_udp_and_tcp(nameserver: Nameserver) -> None:
    before = await nameserver.ask("evs.cdp.shop.test")
    nameserver.publish("dom_1", SHOP)
    over_udp = await nameserver.until("evs.cdp.shop.test", has_answer)
    over_tcp = await nameserver.ask("evs.cdp.shop.test", is_udp=False)

    assert is_refused(before)
    assert over_udp.answer[0][0].to_text() == "192.0.2.1"
    assert over_tcp.answer == over_udp.answer
    assert over_tcp.flags & dns.flags.AA


async def test_a_removed_zone_is_refused_again(nameserver: Nameserver) -> None:
    nameserver.publish("dom_1", SHOP)
    await nameserver.until("evs.cdp.shop.test", has_answer)
    nameserver.publish("dom_1", None)
    answer = await nameserver.until("evs.cdp.shop.test", is_refused)

    assert not answer.answer


async def test_a_bad_zone_does_not_stop_the_one_behind_it(nameserver: Nameserver) -> None:
    nameserver.publish("dom_bad", b"{")
    nameserver.publish("dom_1", SHOP)
    answer = await nameserver.until("evs.cdp.shop.test", has_answer)

    assert answer.rcode() == dns.rcode.NOERROR


async def test_the_last_good_zones_are_answered_after_a_restart_without_the_database(
    store: Store, tmp_path: Path
) -> None:
    async with running(store, tmp_path / "zones.snapshot") as nameserver:
        nameserver.publish("dom_1", SHOP)
        await nameserver.until("evs.cdp.shop.test", has_answer)
        while not (tmp_path / "zones.snapshot").exists():
            await asyncio.sleep(0.02)
    nowhere = Store(f"sqlite:///{tmp_path / 'no-such-folder' / 'store.db'}")
    async with running(nowhere, tmp_path / "zones.snapshot") as nameserver:
        first = await nameserver.ask("evs.cdp.shop.test")

    assert first.answer[0][0].to_text() == "192.0.2.1"


async def test_the_sockets_stay_open_for_the_next_process(store: Store, tmp_path: Path) -> None:
    udp, tcp = bind_both()
    with udp, tcp:
        for _ in range(2):
            task = asyncio.create_task(
                serve_nameserver(
                    udp=[udp],
                    tcp=[tcp],
                    feed=open_feed(str(store.engine.url)),
                    snapshot=tmp_path / "zones.snapshot",
                    service_domain="fp.test",
                    settings=NameserverSettings(addresses=("192.0.2.53",)),
                )
            )
            nameserver = Nameserver(store, Address("127.0.0.1", udp.getsockname()[1]))
            answers = [await nameserver.ask("fp.test", "SOA")]
            answers.append(await nameserver.ask("fp.test", "SOA", is_udp=False))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

            assert all(map(has_answer, answers))


@pytest.mark.needs("dig")
@pytest.mark.parametrize("rdtype", ["A", "SOA"])
async def test_dig_is_content(nameserver: Nameserver, rdtype: str) -> None:
    nameserver.publish("dom_1", SHOP)
    await nameserver.until("evs.cdp.shop.test", has_answer)
    name = "evs.cdp.shop.test" if rdtype == "A" else "cdp.shop.test"
    process = await asyncio.create_subprocess_exec(
        "dig",
        f"@{nameserver.address.host}",
        f"-p{nameserver.address.port}",
        "+norecurse",
        "+cookie",
        name,
        rdtype,
        stdout=asyncio.subprocess.PIPE,
    )
    told = (await process.communicate())[0].decode()

    assert "status: NOERROR" in told
    assert "flags: qr aa;" in told
    assert "WARNING" not in told
    assert "(good)" in told  # our cookie
    assert "ANSWER: 1," in told


async def test_our_own_probe_sees_serial_and_hosts_on_every_server(nameserver: Nameserver) -> None:
    nameserver.publish("dom_1", SHOP)
    await nameserver.until("evs.cdp.shop.test", has_answer)
    answer = await probe_own_servers(SHOP.apex, SHOP.hosts, servers=[nameserver.address])

    assert answer.serves(1)
    assert {server.transport for server in answer.servers} == set(Transport)


async def test_our_own_probe_tells_a_missing_host_and_a_zone_that_is_not_there(
    nameserver: Nameserver,
) -> None:
    nameserver.publish("dom_1", SHOP)
    await nameserver.until("evs.cdp.shop.test", has_answer)
    hostless = await probe_own_servers(
        SHOP.apex, ["new.cdp.shop.test"], servers=[nameserver.address]
    )
    absent = await probe_own_servers("other.test", [], servers=[nameserver.address])

    assert {server.missing_hosts for server in hostless.servers} == {("new.cdp.shop.test",)}
    assert not hostless.serves(1)
    assert {(server.rcode, server.trouble) for server in absent.servers} == {
        ("REFUSED", Trouble.LAME)
    }


async def test_a_challenge_is_seen_on_the_servers_that_have_it(
    nameserver: Nameserver, tmp_path: Path
) -> None:
    nowhere = Store(f"sqlite:///{tmp_path / 'no-such-folder' / 'store.db'}")
    async with running(nowhere, tmp_path / "other.snapshot") as behind:
        nameserver.publish("dom_1", msgspec.structs.replace(SHOP, txt={CHALLENGE: ("token",)}))
        await nameserver.until("evs.cdp.shop.test", has_answer)
        there, missing = await fetch_txt(CHALLENGE, servers=[nameserver.address, behind.address])

    assert there.values == {"token"}
    assert there.trouble is None
    assert missing.values == frozenset()
    assert missing.trouble is Trouble.LAME
