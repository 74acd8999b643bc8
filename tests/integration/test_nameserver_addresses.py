"""From which address an answer comes, one by one and many at once."""

import asyncio
import socket
import sys
from pathlib import Path

import dns.message
import pytest

from firstparty.config.addresses import Address
from firstparty.nameserver.udp import UdpListener
from firstparty.store.engine import Store
from tests.fakes.dns_server import bind_both
from tests.nameserver_rig import a_responder, a_store, has_answer, running


def has_ipv6() -> bool:
    try:
        for bound in bind_both("::1"):
            bound.close()
    except OSError:
        return False
    return True


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return a_store(tmp_path)


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
