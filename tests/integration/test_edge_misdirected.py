"""Which host may be asked for on whose connection."""

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.edge_ends import is_served, run
from tests.integration.edge_rig import API, CDN, DOMAIN, Edge, running_edge

OTHER = "other.test"
CONSOLE = f"console.{DOMAIN}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge() -> AsyncIterator[Edge]:
    async with running_edge() as edge:
        edge.publish_live()
        edge.publish_live(OTHER, key="dom_2")
        edge.publish_console(CONSOLE)
        await edge.request_until(is_served, CDN)
        await edge.request_until(is_served, f"evs.{OTHER}")
        await edge.request_until(is_served, CONSOLE)
        yield edge


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("host", [f"evs.{OTHER}", "localhost", "127.0.0.1", "unknown.test"])
async def test_a_host_of_another_domain_than_the_handshake_s_is_misdirected(
    edge: Edge, host: str
) -> None:
    answer = await edge.request(host, sni=CDN)

    assert answer.status == 421
    assert answer.json()["code"] == "misdirected_request"


@pytest.mark.parametrize(
    ("host", "sni"), [(CONSOLE, CDN), (CONSOLE.upper(), API), (CDN, CONSOLE), (API, CONSOLE)]
)
async def test_a_host_of_the_same_name_with_another_certificate_is_misdirected(
    edge: Edge, host: str, sni: str
) -> None:
    answer = await edge.request(host, sni=sni)

    assert answer.status == 421
    assert answer.json()["code"] == "misdirected_request"


async def test_an_unknown_host_of_the_same_domain_is_not_found(edge: Edge) -> None:
    answer = await edge.request(f"www.{CDN.partition('.')[2]}", sni=CDN)

    assert answer.status == 404
    assert answer.json()["code"] == "not_found"


async def test_both_hosts_of_a_domain_share_an_http2_connection_and_another_domain_s_do_not(
    edge: Edge,
) -> None:
    if not await has_http2():
        pytest.skip("this curl does not speak HTTP/2")
    asked = [
        await ask_over_http2(edge, CDN, API),
        await ask_over_http2(edge, CDN, f"evs.{OTHER}"),
    ]

    # Each line: HTTP version, status, connections that had to be opened for the transfer.
    assert asked == [["2 200 1", "2 200 0"], ["2 200 1", "2 421 0"]]


async def has_http2() -> bool:
    return shutil.which("curl") is not None and "HTTP2" in await run("curl", "--version")


async def ask_over_http2(edge: Edge, host: str, *others: str) -> list[str]:
    ca = edge.directory / "ca.pem"
    ca.write_text(edge.authority.pem)
    url = f"https://{host}:{edge.https_port}/"
    one = ("--silent", "--http2", "--cacert", str(ca), "--output", "/dev/null")
    one += ("--resolve", f"{host}:{edge.https_port}:127.0.0.1")
    one += ("--write-out", "%{http_version} %{http_code} %{num_connects}\\n", url)
    arguments = list(one)
    for other in others:
        arguments += ["--next", *one, "--header", f"Host: {other}"]
    return (await run("curl", *arguments)).splitlines()
