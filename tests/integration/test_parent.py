"""The demo's parent nameserver, asked by real clients."""

import asyncio
import shutil
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.message
import pytest

from firstparty.demo.parent import add_delegation, serve_parent
from firstparty.demo.parent_zones import build_world
from firstparty.errors import Refused
from tests.ports import same_port


@pytest.fixture
async def parent() -> AsyncIterator[tuple[str, int]]:
    udp, tcp = same_port()
    address: tuple[str, int] = udp.getsockname()
    zones = build_world("fp.test", {"ns1.fp.test": ["127.0.0.1"]})
    task = asyncio.create_task(serve_parent(udp=udp, tcp=tcp, zones=zones))
    yield address
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def nameservers(address: tuple[str, int], *, tcp: bool) -> set[str]:
    query = dns.message.make_query("cdp.shop.test", "NS")
    ask = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    answer = await ask(query, address[0], port=address[1], timeout=30)
    return {rdata.to_text() for rrset in answer.authority for rdata in rrset}


async def test_a_delegation_is_seen_over_udp_and_tcp_once_added(parent: tuple[str, int]) -> None:
    await add_delegation(parent, "shop.test", "cdp.shop.test", ["a1.fp.test", "a2.fp.test."])

    for tcp in (False, True):
        assert await nameservers(parent, tcp=tcp) == {"a1.fp.test.", "a2.fp.test."}


async def test_adding_again_replaces(parent: tuple[str, int]) -> None:
    await add_delegation(parent, "shop.test", "cdp.shop.test", ["a1.fp.test"])
    await add_delegation(parent, "shop.test", "cdp.shop.test", ["b1.fp.test"])

    assert await nameservers(parent, tcp=False) == {"b1.fp.test."}


async def test_a_zone_that_is_not_there_is_refused_with_the_reason(
    parent: tuple[str, int],
) -> None:
    with pytest.raises(Refused, match="NOTAUTH"):
        await add_delegation(parent, "example.com", "cdp.example.com", ["a1.fp.test"])


async def test_a_parent_that_is_not_there_is_named() -> None:
    udp, tcp = same_port()
    host, port = udp.getsockname()
    udp.close()
    tcp.close()

    with pytest.raises(Refused, match=f"{host}:{port}"):
        await add_delegation((host, port), "shop.test", "cdp.shop.test", ["a1.fp.test"])


async def test_nsupdate_works(parent: tuple[str, int]) -> None:
    nsupdate = shutil.which("nsupdate")
    if nsupdate is None:
        pytest.skip("nsupdate is not installed")
    process = await asyncio.create_subprocess_exec(
        nsupdate,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    script = (
        f"server {parent[0]} {parent[1]}\nzone shop.test\n"
        "update add cdp.shop.test 300 NS a1.fp.test.\n"
        "update add cdp.shop.test 300 NS a2.fp.test.\nsend\n"
    )
    output, _ = await asyncio.wait_for(process.communicate(script.encode()), 20)

    assert process.returncode == 0, output
    assert await nameservers(parent, tcp=False) == {"a1.fp.test.", "a2.fp.test."}


async def test_dig_reads_the_referral(parent: tuple[str, int]) -> None:
    dig = shutil.which("dig")
    if dig is None:
        pytest.skip("dig is not installed")
    await add_delegation(parent, "shop.test", "cdp.shop.test", ["a1.fp.test"])
    process = await asyncio.create_subprocess_exec(
        dig, f"@{parent[0]}", "-p", str(parent[1]), "+norecurse", "api.cdp.shop.test", "A",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 20)

    assert b"flags: qr;" in output
    assert b"a1.fp.test." in output
