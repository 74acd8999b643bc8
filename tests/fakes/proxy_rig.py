"""A generated proxy, running, between a client that trusts its certificate and both upstreams."""

import contextlib
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, TCPConnector
from multidict import CIMultiDictProxy
from yarl import URL

from firstparty.proxies.generate import generate
from firstparty.proxies.model import Machine, Proxy, Upstream
from tests.fakes.dns_server import DnsServer, listening
from tests.fakes.proxied_origin import Origin
from tests.fakes.proxy_servers import running_server
from tests.fakes.proxy_upstream import ProxyUpstream, running_upstream, server_context
from tests.pairs import TestAuthority
from tests.ports import listener

CDN_HOST = "evs.shop.test"
API_HOST = "api.shop.test"
WRITE_KEY = "k7Qm2xT4nB7vK1cD5sW9eQm2xT4nB7vK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRig:
    """``send`` goes through the proxy; ``cdn`` and ``api`` are what is behind it."""

    provider: str
    machine: Machine
    client: ClientSession
    cdn: ProxyUpstream
    api: ProxyUpstream

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        host: str = "",
        is_tls: bool = True,
    ) -> Answer:
        """One request; to the API host if the path is not a CDN's. Redirects are not followed."""
        host = host or (API_HOST if path.lstrip("/").startswith("v1/") else CDN_HOST)
        port = self.machine.https_port if is_tls else self.machine.http_port
        async with self.client.request(
            method,
            URL(f"{'https' if is_tls else 'http'}://127.0.0.1:{port}{path}", encoded=True),
            headers={"Host": host, **(headers or {})},
            data=body,
            allow_redirects=False,
            server_hostname=host if is_tls else None,
        ) as answer:
            return Answer(status=answer.status, headers=answer.headers, body=await answer.read())


@contextlib.asynccontextmanager
async def running_proxy(
    provider: str, *, is_cached: bool = True, origin: Origin | None = None
) -> AsyncIterator[ProxyRig]:
    """The provider's own server with what is generated for it, in front of two upstreams.

    Both answer as ``origin`` does, if there is one.
    """
    folder = _make_folder()
    authority = TestAuthority()
    (folder / "authority.crt").write_text(authority.pem)
    server_context(folder / "proxy", authority, CDN_HOST, API_HOST)
    names = DnsServer({"localhost.": "@ 60 A 127.0.0.1\n@ 60 NS @\n"})
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        cdn, api = [
            await stack.enter_async_context(
                running_upstream(folder, authority, is_cdn=is_cdn, origin=origin)
            )
            for is_cdn in (True, False)
        ]
        resolver = await stack.enter_async_context(listening(names))
        machine = Machine(
            http_port=_free_port(),
            https_port=_free_port(),
            certificate=f"{folder}/proxy.pem",
            key=f"{folder}/proxy.key",
            authorities=f"{folder}/authority.crt",
            cache=f"{folder}/cache",
            resolvers=((resolver.host, resolver.port),),
        )
        proxy = Proxy(
            cdn_host=CDN_HOST,
            api_host=API_HOST,
            cdn=Upstream(host="localhost", port=cdn.port),
            api=Upstream(host="localhost", port=api.port),
            write_key=WRITE_KEY,
            is_cached=is_cached,
            machine=machine,
        )
        for file in generate(provider, proxy).files:
            (folder / file.path).write_text(file.text)
        (folder / "ports").write_text(f"{machine.https_port} {machine.http_port}")
        await stack.enter_async_context(running_server(provider, folder, machine.https_port))
        context = ssl.create_default_context(cadata=authority.pem)
        client = ClientSession(
            connector=TCPConnector(ssl=context),
            auto_decompress=False,
            # A script tag of old, and many SDKs: a proxy must not ask for gzip in their name.
            skip_auto_headers=["Accept-Encoding"],
        )
        await stack.enter_async_context(client)
        yield ProxyRig(provider=provider, machine=machine, client=client, cdn=cdn, api=api)


def _make_folder() -> Path:
    # Not below pytest's folder: servers give up root, and that folder is root's alone.
    folder = Path(tempfile.mkdtemp(prefix="firstparty-proxy-"))
    folder.chmod(0o755)
    (folder / "cache").mkdir()
    (folder / "cache").chmod(0o777)
    return folder


def _free_port() -> int:
    with listener() as found:
        port: int = found.getsockname()[1]
        return port
