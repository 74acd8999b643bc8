"""A proxy as a domain, watched by the real suite before a real server that breaks and is mended."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from firstparty.model.domains import Domain, Mode, OwnProxy
from firstparty.model.status import Word
from firstparty.outbound.http import SafeClient
from firstparty.proxies.check import check_proxy
from firstparty.proxies.result import Result
from firstparty.proxies.target import Target
from tests.fakes.broken_proxy import FAULTS, Fault, Next, nothing_wrong, run_proxy
from tests.fakes.proxied_origin import WRITE_KEY, Origin
from tests.fakes.reconciled import World
from tests.fakes.throwaway_ca import ThrowawayCa

PROXY = OwnProxy(cdn_host="localhost", api_host="localhost")


@dataclass(kw_only=True)
class Lab:
    """A proxy with a fault that can be changed, and a reconciler that may reach it."""

    world: World
    ca: ThrowawayCa
    origin: Origin
    port: int = 0
    fault: Fault = nothing_wrong
    domain: Domain = field(init=False)

    async def answer(self, request: web.BaseRequest, go_on: Next) -> web.Response:
        return await self.fault(request, go_on)

    async def check(self, target: Target) -> tuple[Result, ...]:
        """As the real probe does, at this port and inside."""
        assert target.api is not None
        return await check_proxy(
            replace(
                target,
                cdn=replace(target.cdn, port=self.port),
                api=replace(target.api, port=self.port),
                write_key=target.write_key and WRITE_KEY,
            ),
            SafeClient(allow_private=True, ca_pem=self.ca.pem),
            now=datetime.now(UTC),
            nonce="n",
            report=lambda _: None,
            deadline=timedelta(seconds=30),  # a busy machine is no finding
        )


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    lab = Lab(world=World.make(tmp_path), ca=ThrowawayCa(tmp_path), origin=Origin())
    lab.world.outside.proxies = lab
    async with run_proxy(lab.answer, lab.ca.context(lab.ca.leaf()), lab.origin) as lab.port:
        lab.domain = lab.world.ask_for(name="localhost", mode=Mode.PROXY, own_proxy=PROXY)
        yield lab


async def test_a_proxy_breaks_is_named_and_is_mended(lab: Lab) -> None:
    await lab.world.step()
    first = (lab.world.word(lab.domain), len(lab.origin.messages))
    lab.fault = FAULTS["settings missing"][1]()
    started = lab.world.outside.clock()
    await lab.world.until(lab.domain, Word.FAILING)
    noticed_after = lab.world.outside.clock() - started
    codes = lab.world.codes(lab.domain)
    lab.fault = nothing_wrong
    await lab.world.until(lab.domain, Word.LIVE)

    assert first == (Word.LIVE, 3)
    assert codes == ["proxy-settings-not-proxied"]
    assert noticed_after < timedelta(minutes=5)
    assert len(lab.origin.messages) == 3  # the watch sends none
    assert lab.world.words(lab.domain) == ["live", "failing", "live"]


async def test_a_proxy_that_drops_authorization_never_goes_live(lab: Lab) -> None:
    lab.fault = FAULTS["Authorization dropped"][1]()
    for _ in range(2):
        await lab.world.step()

    assert lab.world.word(lab.domain) is Word.ISSUING
    assert lab.world.codes(lab.domain) == ["proxy-authorization-dropped"]
