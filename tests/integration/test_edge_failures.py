import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from firstparty.edge.xds import METHOD
from firstparty.model.messages import PIXEL_IMAGE
from firstparty.store.engine import Store
from tests.integration.edge_ends import echoing, is_served
from tests.integration.edge_rig import API, CDN, Edge, running_edge, until

OTHER = "other.test"


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with running_edge() as edge:
        edge.publish_live()
        edge.publish_live(OTHER, key="dom_2")
        await edge.request_until(is_served, CDN)
        yield edge


def lose_database(edge: Edge) -> None:
    edge.store.close()
    for file in edge.directory.glob("store.db*"):
        file.unlink()
    edge.store = Store(f"sqlite:///{edge.directory / 'no-such-folder' / 'store.db'}")


async def test_with_no_back_end_a_page_can_read_the_503_and_nothing_of_what_is_behind(
    edge: Edge,
) -> None:
    await edge.stop_back_ends()

    answer = await edge.request(
        API, "/v1/t", method="POST", body=b"{}", headers={"Origin": "https://shop.test"}
    )

    assert answer.status == 503
    assert answer.json() == {
        "success": False,
        "code": "unavailable",
        "message": "The service cannot answer at the moment; try again.",
        "error": "The service cannot answer at the moment; try again.",
    }
    assert answer.headers["access-control-allow-origin"] == "https://shop.test"
    assert answer.headers["access-control-expose-headers"] == "Retry-After"
    assert answer.headers["retry-after"] == "5"


async def test_with_no_back_end_a_pixel_is_an_image_all_the_same(edge: Edge) -> None:
    await edge.stop_back_ends()

    answer = await edge.request(API, "/v1/pixel/track?event=x")

    assert (answer.status, answer.body) == (503, PIXEL_IMAGE)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["retry-after"] == "5"


async def test_a_large_body_whose_ingest_process_is_gone_goes_to_another(edge: Edge) -> None:
    await edge.stop_back_ends()
    body = b"x" * 500_000
    async with echoing(edge.layout.ingest_sockets[1], "ingest"):
        answers = [await edge.request(API, "/v1/b", method="POST", body=body) for _ in range(20)]

    assert [answer.json()["body_bytes"] for answer in answers] == [len(body)] * 20


async def test_envoy_serves_on_without_its_discovery_server(edge: Edge) -> None:
    await edge.stop_ads()

    assert (await edge.request(CDN)).status == 200


async def test_a_killed_discovery_server_s_successor_takes_its_place(edge: Edge) -> None:
    await edge.stop_ads()
    await edge.kill_ads_process(after=lambda: edge.request_until(is_served, f"evs.{OTHER}"))
    left_behind = edge.layout.ads_socket.exists()
    edge.start_ads()
    edge.publish_live("later.test", key="dom_3")

    assert left_behind
    assert (await edge.request_until(is_served, "evs.later.test")).status == 200


async def test_a_new_name_is_served_once_the_discovery_server_is_back(edge: Edge) -> None:
    await edge.stop_ads()
    # Asked again, since Envoy gives up after 10 s and a busy machine may start no faster.
    asking = asyncio.create_task(edge.request_until(is_served, f"evs.{OTHER}"))
    await asyncio.sleep(0.2)
    edge.start_ads()

    assert (await asking).status == 200


async def test_with_the_database_gone_a_restarted_discovery_server_has_every_certificate(
    edge: Edge,
) -> None:
    await until((edge.directory / "edge.snapshot").exists)
    await edge.stop_ads()
    lose_database(edge)
    edge.start_ads()

    assert (await edge.request_until(is_served, f"evs.{OTHER}")).status == 200
    assert (await edge.request(CDN)).status == 200


async def test_with_the_database_gone_a_restarted_envoy_and_discovery_server_serve_everything(
    edge: Edge,
) -> None:
    await until((edge.directory / "edge.snapshot").exists)
    await edge.stop_ads()
    await edge.stop_envoy()
    lose_database(edge)
    edge.start_ads()
    await edge.start_envoy()

    assert (await edge.request(CDN)).status == 200
    assert (await edge.request(f"api.{OTHER}")).status == 200


async def test_envoy_alone_restarted_serves_everything(edge: Edge) -> None:
    await edge.stop_envoy()
    await edge.start_envoy()

    assert (await edge.request(CDN)).status == 200


async def test_envoy_listens_only_once_it_has_routes(edge: Edge) -> None:
    await edge.stop_ads()
    await edge.stop_envoy()
    edge.layout.admin_socket.unlink()  # what a killed Envoy left
    await edge.start_envoy_process()
    await until(edge.layout.admin_socket.exists)
    await asyncio.sleep(1)
    was_open = await edge.is_open(edge.https_port)
    edge.start_ads()
    answer = await edge.request_until(is_served, CDN)

    assert not was_open
    assert answer.status == 200


async def test_a_discovery_server_that_knows_nothing_takes_nothing_from_envoy(
    edge: Edge,
) -> None:
    await edge.stop_ads()
    lose_database(edge)
    (edge.directory / "edge.snapshot").unlink()
    edge.start_ads()
    await asyncio.sleep(0.5)  # time enough for Envoy to ask, if there were somebody to ask

    assert (await edge.request(CDN)).status == 200


async def test_changes_made_while_the_discovery_server_was_away_arrive_after_it(
    edge: Edge,
) -> None:
    await edge.stop_ads()
    renewed = edge.publish_live()
    edge.remove("dom_2")
    edge.start_ads()

    await edge.request_until(
        lambda answer: ssl.DER_cert_to_PEM_cert(answer.certificate) == renewed.chain, CDN
    )
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await edge.handshake(f"evs.{OTHER}")


async def test_sockets_that_carry_keys_are_for_their_owner_only(edge: Edge) -> None:
    modes = {path.name: mode(path) for path in (edge.layout.ads_socket, edge.layout.admin_socket)}

    assert modes == {"ads.sock": 0o600, "admin.sock": 0o600}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_an_unreadable_request_ends_its_own_stream_and_no_other(edge: Edge) -> None:
    async with grpc.aio.insecure_channel(f"unix:{edge.layout.ads_socket}") as channel:
        call = channel.stream_stream(METHOD)(iter([b"\xff"]))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()
    edge.publish_live("later.test", key="dom_3")

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (await edge.request_until(is_served, "evs.later.test")).status == 200
