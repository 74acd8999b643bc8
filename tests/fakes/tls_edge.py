"""A small real TLS edge: it follows the feed and serves what a probe asks for."""

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from firstparty.config.addresses import Address
from firstparty.model.certificates import sealing_context
from firstparty.model.feed import EdgeDomain, FeedEntry
from firstparty.store.sealing import Sealer


class TlsEdge:
    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._folder = folder
        self._sealer = sealer
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.domains: dict[str, EdgeDomain] = {}
        self.refused: list[str] = []  # versions of Analytics.js
        self.bodies: list[object] = []  # that were posted to API hosts

    def apply(self, entries: Iterable[FeedEntry]) -> None:
        for entry in entries:
            if entry.body is None:
                self.domains.pop(entry.key, None)
            else:
                self._take(msgspec.json.decode(entry.body, type=EdgeDomain))

    def _take(self, domain: EdgeDomain) -> None:
        self.domains[domain.id] = domain
        if domain.certificate is None:
            return
        pair = self._folder / f"{domain.certificate.id}.pem"
        context = sealing_context(domain.certificate.id)
        key = self._sealer.open(domain.certificate.sealed_key, context=context)
        pair.write_bytes(key + domain.certificate.chain.encode())
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pair)
        for host in (domain.cdn_host, domain.api_host):
            self._contexts[host] = tls

    def choose(self, connection: ssl.SSLObject, name: str | None, _: object) -> int | None:
        if name not in self._contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self._contexts[name]
        return None

    async def handle(self, request: web.Request) -> web.Response:
        for domain in self.domains.values():
            if request.host == domain.cdn_host and request.method == "GET":
                if request.path == "/_firstparty/health":
                    return web.json_response({"role": "cdn", "refused": self.refused})
                if request.path.endswith("/settings"):
                    return web.json_response({"integrations": {}})
                return web.Response(text="// script", content_type="text/javascript")
            if request.host == domain.api_host and request.method == "OPTIONS":
                return web.Response(status=204)
            if request.host == domain.api_host and request.method == "POST":
                self.bodies.append(await request.json())
                return web.json_response({"success": True})
        return web.Response(status=421)


@asynccontextmanager
async def run_tls_edge(edge: TlsEdge) -> AsyncIterator[Address]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.sni_callback = edge.choose
    server = web.Server(edge.handle)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield Address(*runner.addresses[0])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def run_back_end(edge: TlsEdge, path: Path) -> AsyncIterator[None]:
    """Its answers without TLS on a Unix socket, as a back end of the real edge."""
    runner = web.ServerRunner(web.Server(edge.handle))
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    try:
        yield
    finally:
        await runner.cleanup()
