import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import msgspec
import pytest

from firstparty.config.addresses import Address, ConfigError
from firstparty.config.settings import NameserverSettings
from firstparty.model.feed import Topic, Zone
from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.limits import RateLimiter, RateLimits
from firstparty.nameserver.responder import Responder
from firstparty.nameserver.server import serve_nameserver
from firstparty.nameserver.tcp import TcpListener
from firstparty.nameserver.udp import UdpListener
from firstparty.nameserver.zones import Zones
from firstparty.resolver.observed import Transport, Trouble
from firstparty.resolver.own import fetch_txt, probe_own_servers
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.reader import open_feed
from tests.fakes.dns_server import bind_both

SHOP = Zone(
    apex="cdp.shop.test",
    serial=1,
    nameservers=("a-tok.ns.fp.test", "b-tok.ns.fp.test"),
    hosts=("evs.cdp.shop.test", "api.cdp.shop.test"),
    addresses=("192.0.2.1",),
)
CHALLENGE = "_acme-challenge.evs.cdp.shop.test"


class Nameserver:
    """The role under test, with a store to publish zones in."""

    def __init__(self, store: Store, address: Address) -> None:
        self.store = store
        self.address = address

    def publish(self, key: str, zone: Zone | bytes | None) -> None:
        body = msgspec.json.encode(zone) if isinstance(zone, Zone) else zone
        with self.store.write() as connection:
            feed.publish(connection, Topic.ZONES, key, body)

    async def ask(
        self, name: str, rdtype: str = "A", *, is_udp: bool = True
    ) -> dns.message.Message:
        query = dns.message.make_query(name, rdtype, use_edns=0)
        ask = dns.asyncquery.udp if is_udp else dns.asyncquery.tcp
        return await ask(query, self.address.host, timeout=30, port=self.address.port)

    async def until(
        self, name: str, is_right: Callable[[dns.message.Message], bool]
    ) -> dns.message.Message:
        async with asyncio.timeout(30):
            while not is_right(answer := await self.ask(name)):
                await asyncio.sleep(0.02)
        return answer


def has_answer(message: dns.message.Message) -> bool:
    return bool(message.answer)


def is_refused(message: dns.message.Message) -> bool:
    return message.rcode() == dns.rcode.REFUSED


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


def has_ipv6() -> bool:
    try:
        for bound in bind_both("::1"):
            bound.close()
    except OSError:
        return False
    return True


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    tables.metadata.create_all(store.engine)
    return store


@contextlib.asynccontextmanager
async def running(
    store: Store, snapshot: Path, host: str = "127.0.0.1"
) -> AsyncIterator[Nameserver]:
    udp, tcp = bind_both(host)
    with udp, tcp:
        task = asyncio.create_task(
            serve_nameserver(
                udp=[udp],
                tcp=[tcp],
                feed=open_feed(str(store.engine.url)),
                snapshot=snapshot,
                service_domain="fp.test",
                settings=NameserverSettings(addresses=("192.0.2.53",)),
            )
        )
        try:
            yield Nameserver(store, Address(host, udp.getsockname()[1]))
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def nameserver(store: Store, tmp_path: Path) -> AsyncIterator[Nameserver]:
    async with running(store, tmp_path / "zones.snapshot") as nameserver:
        yield nameserver


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


async def test_ipv6_is_answered(store: Store, tmp_path: Path) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 on loopback")
    async with running(store, tmp_path / "zones.snapshot", "::1") as nameserver:
        answer = await nameserver.ask("fp.test", "SOA")

    assert has_answer(answer)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
async def test_an_answer_comes_from_the_address_that_was_asked(
    store: Store, tmp_path: Path
) -> None:
    async with running(store, tmp_path / "zones.snapshot", "0.0.0.0") as nameserver:
        nameserver.address = Address("127.0.0.1", nameserver.address.port)
        await nameserver.ask("fp.test", "SOA")  # it is up, and has told the kernel what it needs
        nameserver.address = Address("127.0.0.2", nameserver.address.port)
        answer = await nameserver.ask("fp.test", "SOA")  # raises on an unexpected source

    assert has_answer(answer)


async def test_all_addresses_of_ipv6_are_answered(store: Store, tmp_path: Path) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 on loopback")
    async with running(store, tmp_path / "zones.snapshot", "::") as nameserver:
        nameserver.address = Address("::1", nameserver.address.port)
        answer = await nameserver.ask("fp.test", "SOA")

    assert has_answer(answer)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
async def test_one_socket_for_both_families_answers_ipv4_from_the_address_that_was_asked(
    store: Store, tmp_path: Path
) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 on loopback")
    async with running(store, tmp_path / "zones.snapshot", "::") as nameserver:
        port = nameserver.address.port
        answers = []
        for host in ("::1", "127.0.0.1", "127.0.0.2"):
            nameserver.address = Address(host, port)
            answers.append(await nameserver.ask("fp.test", "SOA"))

    assert all(map(has_answer, answers))


def a_responder() -> Responder:
    return Responder(
        Zones(service_domain="fp.test", nameserver_addresses=["192.0.2.53"]).answers,
        cookies=Cookies(bytes(32)),
        limiter=RateLimiter(RateLimits()),
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
@pytest.mark.parametrize("may_batch", [True, False])
@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.2"])
async def test_one_by_one_and_many_at_once_the_answers_are_the_same(
    host: str,
    may_batch: bool,  # noqa: FBT001 -- drawn
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((host, 0))
        listener = UdpListener(bound, a_responder(), may_batch=may_batch)
        where = ("127.0.0.2", bound.getsockname()[1])
        queries = [dns.message.make_query("fp.test", "SOA") for _ in range(70)]
        answered = set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(where)  # so that nothing from another address arrives
            for query in queries:
                client.send(b"x")  # no answer: those behind it have theirs all the same
                client.send(query.to_wire())
            async with asyncio.timeout(30):
                while len(answered) < len({query.id for query in queries}):
                    wire = await asyncio.get_running_loop().sock_recv(client, 4096)
                    answer = dns.message.from_wire(wire)
                    assert has_answer(answer)
                    answered.add(answer.id)
        listener.close()

    assert answered == {query.id for query in queries}


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


# --- TCP itself ---------------------------------------------------------------------------------


def a_query(name: str = "fp.test") -> bytes:
    wire = dns.message.make_query(name, "SOA").to_wire()
    return len(wire).to_bytes(2, "big") + wire


async def read_answer(reader: asyncio.StreamReader) -> dns.message.Message:
    length = int.from_bytes(await reader.readexactly(2), "big")
    return dns.message.from_wire(await reader.readexactly(length))


@contextlib.asynccontextmanager
async def tcp_listener(**limits: float) -> AsyncIterator[Address]:
    listener = TcpListener(a_responder(), **limits)  # type: ignore[arg-type]
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        await listener.listen(bound)
        try:
            yield Address(*bound.getsockname())
        finally:
            await listener.close()


async def test_queries_in_one_go_and_in_pieces_are_all_answered() -> None:
    async with tcp_listener() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(a_query() * 3 + a_query()[:5])
        answers = [await read_answer(reader) for _ in range(3)]
        writer.write(a_query()[5:])
        answers.append(await read_answer(reader))
        writer.close()

    assert all(map(has_answer, answers))


async def test_an_idle_connection_is_ended_however_it_dribbles() -> None:
    async with tcp_listener(idle_seconds=0.3) as address:
        reader, writer = await asyncio.open_connection(*address)

        async def dribble() -> None:
            for octet in a_query():
                writer.write(bytes([octet]))
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(2)
        dribbling.cancel()
        writer.close()


async def test_the_connection_idle_longest_makes_room() -> None:
    async with tcp_listener(max_connections=2) as address:
        connections = [await asyncio.open_connection(*address) for _ in range(2)]
        for reader, writer in reversed(connections):  # so the second is the older one
            writer.write(a_query())
            await read_answer(reader)
        newest = await asyncio.open_connection(*address)
        newest[1].write(a_query())
        answer = await read_answer(newest[0])
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await connections[1][0].readexactly(1)
        connections[0][1].write(a_query())
        still = await read_answer(connections[0][0])
        for _, writer in (*connections, newest):
            writer.close()

    assert has_answer(answer)
    assert has_answer(still)


async def test_a_client_that_does_not_read_is_not_read_from_for_ever() -> None:
    async with tcp_listener(idle_seconds=1) as address:
        reader, writer = await asyncio.open_connection(*address, limit=1024)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        flood = a_query() * 1_000
        sent = 0
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(30):
                while sent < 100_000_000:
                    writer.write(flood)
                    await writer.drain()
                    sent += len(flood)
        writer.close()

    assert sent < 100_000_000
