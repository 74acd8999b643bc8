"""Whether every edge answers an http-01 token, asked of real HTTP servers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from firstparty.config.addresses import Address
from firstparty.model.certificates import HttpChallenge
from firstparty.reconciler.challenge_probe import OwnChallenges
from firstparty.reconciler.public_dns import PublicDns
from tests.fakes.ports import free_ports

WANTED = HttpChallenge(host="evs.cdp.shop.test", token="tok_en-1", key_authorization="tok_en-1.x")
PATH = "/.well-known/acme-challenge/tok_en-1"


class Edges:
    """Edges that each answer in a manner of their own."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._addresses: list[Address] = []

    async def add(self, text: str, *, status: int = 200, location: str = "") -> None:
        async def answer(request: web.BaseRequest) -> web.Response:
            if (request.host, request.path) != (WANTED.host, PATH):
                return web.Response(status=404)
            headers = {"Location": location} if location else {}
            return web.Response(text=text, status=status, headers=headers)

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._addresses.append(Address(*runner.addresses[0]))

    def add_closed(self) -> None:
        self._addresses.append(Address("127.0.0.1", *free_ports(1)))

    async def are_served(self) -> bool:
        dns = PublicDns(stub_zones={}, allow_private=False, servers=(), service_domain="fp.test")
        return await OwnChallenges(dns, self._addresses).are_served([WANTED])


@pytest.fixture
async def edges() -> AsyncIterator[Edges]:
    async with AsyncExitStack() as stack:
        yield Edges(stack)


async def test_a_token_is_served_once_every_edge_answers_it(edges: Edges) -> None:
    await edges.add(WANTED.key_authorization)
    await edges.add(WANTED.key_authorization)

    assert await edges.are_served()


@pytest.mark.parametrize("text", ["", "tok_en-1", "tok_en-1.xx", "tok_en-1.y"])
async def test_one_edge_with_another_answer_is_enough_to_wait(edges: Edges, text: str) -> None:
    await edges.add(WANTED.key_authorization)
    await edges.add(text)

    assert not await edges.are_served()


async def test_the_right_answer_with_the_wrong_status_does_not_count(edges: Edges) -> None:
    await edges.add(WANTED.key_authorization, status=404)

    assert not await edges.are_served()


async def test_a_redirect_is_not_followed(edges: Edges) -> None:
    await edges.add("", status=308, location=PATH)

    assert not await edges.are_served()


async def test_an_edge_that_is_down_is_waited_for(edges: Edges) -> None:
    await edges.add(WANTED.key_authorization)
    edges.add_closed()

    assert not await edges.are_served()


async def test_without_an_edge_to_ask_nothing_is_served(edges: Edges) -> None:
    assert not await edges.are_served()
