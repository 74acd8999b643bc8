import ssl
from collections.abc import AsyncIterator

import pytest

from tests.integration.edge_rig import API, CDN, Edge, running_edge


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with running_edge() as edge:
        yield edge


async def test_a_new_domain_is_served_under_its_own_certificate(edge: Edge) -> None:
    pair = edge.publish_live()
    answer = await edge.request_until(lambda answer: answer.status == 200, CDN, "/x.js")

    assert answer.json()["server"] == "cdn"
    assert ssl.DER_cert_to_PEM_cert(answer.certificate) == pair.chain
    assert (await edge.request(API, "/v1/t", method="POST", body=b"{}")).json()["server"] == "ingest"
