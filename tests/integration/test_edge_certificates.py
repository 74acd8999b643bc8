import ssl
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integration.edge_ends import is_served
from tests.integration.edge_rig import API, CDN, DOMAIN, Edge, running_edge

REFUSED = (ssl.SSLError, ConnectionError)


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with running_edge() as edge:
        yield edge


async def test_a_new_domain_is_served_under_its_own_certificate(edge: Edge) -> None:
    pair = edge.publish_live()
    answer = await edge.request_until(is_served, CDN, "/x.js")
    other = await edge.request(API, "/v1/t", method="POST", body=b"{}")

    assert answer.json()["server"] == "cdn"
    assert ssl.DER_cert_to_PEM_cert(answer.certificate) == pair.chain
    assert other.json()["server"] == "ingest"


@pytest.mark.parametrize("name", ["evs.unknown.test", DOMAIN, CDN.upper(), f"x.{DOMAIN}"])
async def test_any_name_but_a_known_lower_case_one_is_refused_at_once(
    edge: Edge, name: str
) -> None:
    edge.publish_live()
    await edge.request_until(is_served, CDN)

    with pytest.raises(REFUSED):
        await edge.handshake(name)


async def test_no_server_name_is_refused_at_once(edge: Edge) -> None:
    edge.publish_live()
    await edge.request_until(is_served, CDN)

    with pytest.raises(REFUSED):
        await edge.handshake("127.0.0.1")  # an address is never sent as server name


async def test_a_host_is_refused_until_its_certificate_is_there(edge: Edge) -> None:
    edge.publish(None)
    edge.publish_live("other.test", key="dom_2")
    await edge.request_until(is_served, "evs.other.test")  # so the first entry is applied as well
    with pytest.raises(REFUSED):
        await edge.handshake(CDN)
    edge.publish_live()

    assert (await edge.request_until(is_served, CDN)).status == 200


async def test_a_renewed_certificate_is_served_without_a_restart(edge: Edge) -> None:
    edge.publish_live()
    await edge.request_until(is_served, CDN)
    renewed = edge.publish_live()

    answer = await edge.request_until(
        lambda answer: ssl.DER_cert_to_PEM_cert(answer.certificate) == renewed.chain, CDN
    )

    assert answer.status == 200


async def test_a_removed_domain_is_refused(edge: Edge) -> None:
    edge.publish_live()
    edge.publish_live("other.test", key="dom_2")
    await edge.request_until(is_served, CDN)
    edge.remove()
    # Its routes go in the same message as others, so a later domain's answer shows it applied.
    edge.publish_live("later.test", key="dom_3")
    await edge.request_until(is_served, "evs.later.test")

    with pytest.raises(REFUSED):
        await edge.handshake(CDN)
    assert (await edge.request("evs.other.test")).status == 200


async def test_an_open_connection_to_a_removed_host_gets_404(edge: Edge) -> None:
    edge.publish_live()
    await edge.request_until(is_served, CDN)
    connection = await edge.connect(CDN)
    before = await connection.ask("GET", CDN, "/")
    edge.remove()
    edge.publish_live("later.test", key="dom_3")
    await edge.request_until(is_served, "evs.later.test")
    after = await connection.ask("GET", CDN, "/")
    connection.close()

    assert (before.status, after.status) == (200, 404)


async def test_a_pair_that_does_not_fit_never_replaces_a_good_one(edge: Edge) -> None:
    good = edge.publish_live()
    await edge.request_until(is_served, CDN)
    late = edge.authority.issue(CDN, API, days=1, age=timedelta(days=3))
    edge.publish(late)
    edge.publish_live("later.test", key="dom_3")
    await edge.request_until(is_served, "evs.later.test")

    answer = await edge.request(CDN)

    assert ssl.DER_cert_to_PEM_cert(answer.certificate) == good.chain


async def test_a_pair_that_envoy_rejects_is_refused_at_once_and_mended_by_the_next(
    edge: Edge,
) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # Envoy wants 2048
    edge.publish(edge.authority.issue(CDN, API, key=short))
    edge.publish_live("later.test", key="dom_3")
    await edge.request_until(is_served, "evs.later.test")
    for _ in range(2):
        with pytest.raises(REFUSED):
            await edge.handshake(CDN)
    edge.publish_live()

    assert (await edge.request_until(is_served, CDN)).status == 200


async def test_a_pair_that_envoy_rejects_never_replaces_a_good_one(edge: Edge) -> None:
    good = edge.publish_live()
    await edge.request_until(is_served, CDN)
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    edge.publish(edge.authority.issue(CDN, API, key=short))
    edge.publish_live("later.test", key="dom_3")
    await edge.request_until(is_served, "evs.later.test")

    answer = await edge.request(CDN)

    assert ssl.DER_cert_to_PEM_cert(answer.certificate) == good.chain
