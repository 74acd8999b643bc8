"""An upstream CDN that is away for a day, and everything restarted meanwhile: who knew, goes on."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from aiohttp import web

from firstparty.store.engine import Store
from tests.builders import NOW
from tests.fakes.cdn_rig import ANALYTICS_NEXT, WITHOUT_NPM, a_source, running_cdn
from tests.integration.edge_ends import is_served
from tests.integration.edge_rig import CDN, Edge, running_edge
from tests.ports import listener

pytestmark = pytest.mark.skipif(not ANALYTICS_NEXT.exists(), reason=WITHOUT_NPM)

DAY = timedelta(hours=24)
OF_A_SOURCE = (
    "/analytics.js/v1/{key}/analytics.min.js",
    "/analytics.js/v1/{key}/platform/analytics.min.js",
    "/{alias}.min.js",
    "/{alias}.js",
    "/v1/projects/{key}/settings",
    "/v1/projects/{key}/integrations",
)
OLD_CHUNK = "/analytics-next/bundles/tsub-middleware.bundle.0123456789abcdef0123.js"
NAME = "Z29vZ2xlLWFuYWx5dGljcw"  # as browsers obfuscate it
OF_ALL = (
    OLD_CHUNK,
    f"{OLD_CHUNK}.gz",
    "/next-integrations/integrations/google-analytics/2.18.5/google-analytics.dynamic.js.gz",
    f"/next-integrations/integrations/{NAME}/2.18.5/{NAME}.dynamic.js.gz",
    "/next-integrations/integrations/vendor/commons.0123456789abcdef.js.gz",
    "/next-integrations/actions/amplitude-plugins/0123456789abcdef.js",
    "/next-integrations/actions/YW1wbGl0dWRlLXBsdWdpbnM/0123456789abcdef.js",
    "/next-integrations/middleware/foo/latest/foo.js.gz",
)


@dataclass
class Upstream:
    """A CDN that has everything, until it ``is_down``."""

    url: str = ""
    is_down: bool = False
    refused: int = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.is_down:
            self.refused += 1
            return web.Response(status=503, text="<html>down</html>", content_type="text/html")
        if request.path.endswith("/settings"):
            return web.json_response({"integrations": {"Tiny": {}}})
        if request.path.endswith("/integrations"):
            return web.json_response([{"name": "Tiny", "creationName": "Tiny"}])
        body = f"/* {request.path} */".encode()
        if request.path.endswith(".gz"):
            body = gzip.compress(body, mtime=0)
        return web.Response(body=body, content_type="application/javascript")


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def an_upstream() -> AsyncIterator[Upstream]:
    upstream, tcp = Upstream(), listener()
    host, port = tcp.getsockname()
    upstream.url = f"http://{host}:{port}"
    runner = web.ServerRunner(web.Server(upstream.answer, access_log=None))
    await runner.setup()
    await web.SockSite(runner, tcp).start()
    yield upstream
    await runner.cleanup()


def own_chunks() -> list[str]:
    """Those of the package, under both names."""
    files = sorted((ANALYTICS_NEXT / "dist" / "umd").glob("*.bundle.*.js"))
    return [f"/analytics-next/bundles/{file.name}{end}" for file in files for end in ("", ".gz")]


async def ask_all(edge: Edge, paths: list[str]) -> dict[str, bytes]:
    """The body of each path; all of them are answered 200."""
    answers = {path: await edge.request(CDN, path) for path in paths}

    assert {path: answer.status for path, answer in answers.items() if answer.status != 200} == {}
    return {path: answer.body for path, answer in answers.items()}


async def test_every_path_of_known_sources_is_answered_through_a_day_and_restarts() -> None:
    clock = Clock()
    async with an_upstream() as upstream, running_edge(is_hot=True) as edge:
        sources = (
            a_source("WK1", origin="mirror", alias="one/alias", cdn_upstream=upstream.url),
            a_source("WK2", alias="two/alias", cdn_upstream=upstream.url),
        )
        edge.publish_live(sources=sources)
        paths = [
            path.format(key=one.write_key, alias=one.alias)
            for one in sources
            for path in OF_A_SOURCE
        ]
        paths += [*own_chunks(), *OF_ALL]
        async with running_cdn(edge.directory, edge.store, clock=clock):
            await edge.request_until(is_served, CDN, paths[0])
            before = await ask_all(edge, paths)
            upstream.is_down = True
            clock.now += DAY
            after_a_day = await ask_all(edge, paths)
        nowhere = Store(f"sqlite:///{edge.directory / 'no-such-folder' / 'store.db'}")
        clock.now += DAY
        async with running_cdn(edge.directory, nowhere, clock=clock):
            await edge.stop_envoy()
            await edge.start_envoy()
            await edge.request_until(is_served, CDN, paths[0])
            after_restarts = await ask_all(edge, paths)

    assert after_a_day == before
    assert after_restarts == before
    assert upstream.refused > 0
