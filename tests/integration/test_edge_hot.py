"""What Envoy answers by itself, beside what the CDN role behind it says."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from aiohttp import ClientSession, UnixConnector

from tests.fakes.cdn_rig import ANALYTICS_NEXT, WITHOUT_NPM, a_source, running_cdn
from tests.integration.edge_ends import Answer, is_served
from tests.integration.edge_rig import API, CDN, Edge, running_edge

SETTINGS = "/v1/projects/WK1/settings"
SCRIPT = "/analytics.js/v1/WK1/analytics.min.js"
OTHER = "other.test"
COMPARED = ("etag", "vary", "content-encoding", "content-type", "cache-control", "content-length")


@dataclass(frozen=True, slots=True)
class Hot:
    edge: Edge
    cdn: ClientSession
    admin: ClientSession

    async def ask(self, path: str, accept: str, **more: str) -> tuple[Answer, bool]:
        """Envoy's answer, and whether it asked nobody."""
        before = await self._asked_behind()
        headers = {"Accept-Encoding": accept} | more
        answer = await self.edge.request(CDN, path, headers=headers)
        return answer, await self._asked_behind() == before

    async def _asked_behind(self) -> str:
        url = "http://envoy/stats?filter=cluster.cdn.upstream_rq_total"
        async with self.admin.get(url) as answer:
            return await answer.text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hot() -> AsyncIterator[Hot]:
    settings = {"integrations": {f"Destination {number}": {} for number in range(40)}}
    async with running_edge(is_hot=True) as edge:
        edge.publish_live(sources=(a_source(settings=settings),))
        edge.publish_live(OTHER, key="dom_2")
        connector = UnixConnector(str(edge.layout.admin_socket))
        async with (
            running_cdn(edge.directory, edge.store, https_port=edge.https_port) as cdn,
            ClientSession(connector=connector) as admin,
        ):
            hot = Hot(edge, cdn, admin)
            await edge.request_until(is_served, CDN, SETTINGS)
            await edge.request_until(is_served, CDN, SCRIPT)
            async with asyncio.timeout(60):
                while not (await hot.ask(SETTINGS, "gzip"))[1]:
                    await asyncio.sleep(0.1)
            yield hot


pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not ANALYTICS_NEXT.exists(), reason=WITHOUT_NPM),
]


@pytest.mark.parametrize("path", [SETTINGS, SCRIPT])
@pytest.mark.parametrize(
    ("accept", "encoding", "by_envoy"),
    [
        ("gzip", "gzip", True),
        ("br", "br", True),
        ("gzip, deflate, br, zstd", "br", True),
        ("gzip,br", "br", True),
        ("deflate, gzip", "gzip", True),
        ("gzip;q=0.8, br;q=0.5", "gzip", False),
        ("gzip; q=0, br;q=0", None, False),
        ("brotli, gzipped", None, False),
        ("identity", None, False),
        ("", None, False),
    ],
)
async def test_both_give_the_same_answer_in_the_encoding_that_is_asked_for(
    hot: Hot, path: str, accept: str, encoding: str | None, *, by_envoy: bool
) -> None:
    answer, is_alone = await hot.ask(path, accept)
    headers = {"Host": CDN, "Accept-Encoding": accept}
    async with hot.cdn.get(f"http://cdn{path}", headers=headers) as behind:
        body = await behind.read()

    assert answer.headers.get("content-encoding") == encoding
    assert is_alone is by_envoy
    assert answer.body == body
    for name in COMPARED:
        assert answer.headers.get(name) == behind.headers.get(name), name


@pytest.mark.parametrize("accept", ["gzip", "br"])
async def test_a_copy_is_asked_after_by_the_tag_of_its_encoding(hot: Hot, accept: str) -> None:
    first, _ = await hot.ask(SETTINGS, accept)
    again, _ = await hot.ask(SETTINGS, accept, **{"If-None-Match": first.headers["etag"]})
    other = "br" if accept == "gzip" else "gzip"
    of_another, _ = await hot.ask(SETTINGS, other, **{"If-None-Match": first.headers["etag"]})

    assert (again.status, again.body) == (304, b"")
    assert (of_another.status, of_another.headers["content-encoding"]) == (200, other)


async def test_what_is_hot_is_for_connections_of_its_own_domain_and_a_get(hot: Hot) -> None:
    headers = {"Accept-Encoding": "gzip"}
    over_api = await hot.edge.request(CDN, SETTINGS, sni=API, headers=headers)
    misdirected = await hot.edge.request(CDN, SETTINGS, sni=f"evs.{OTHER}", headers=headers)
    posted = await hot.edge.request(CDN, SETTINGS, method="POST", headers=headers)
    put = await hot.edge.request(CDN, SETTINGS, method="PUT", headers=headers)

    assert over_api.status == 200
    assert misdirected.status == 421
    assert (posted.status, put.status) == (405, 405)
