"""A small TLS front for tests: it stands for the edge, and for the rest of the internet.

It hands the CDN host's requests to the real role, answers as the API host and as the customer's
site, and writes down every request, those for any other host too.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fakes.cdn_rig import API_HOST, CDN_HOST

SITE_HOST = "www.shop.test"


@dataclass
class Seen:
    """One request that reached the front."""

    method: str
    host: str
    path: str
    body: bytes


@dataclass
class Front:
    """The running front: where it listens, what it serves as the site, and what it saw."""

    port: int
    certificate: Path
    spki: str
    page: str = ""
    seen: list[Seen] = field(default_factory=list)
    cdn_hosts: set[str] = field(default_factory=lambda: {CDN_HOST})
    api_hosts: set[str] = field(default_factory=lambda: {API_HOST, "localhost"})

    def messages(self) -> list[dict[str, Any]]:
        """What was sent to the API hosts, a batch as it is."""
        return [
            json.loads(one.body)
            for one in self.seen
            if one.host in self.api_hosts and one.method == "POST"
        ]

    async def until_messages(
        self, is_enough: Callable[[list[dict[str, Any]]], bool], *, seconds: float = 20
    ) -> list[dict[str, Any]]:
        """The messages once they are enough, or those there are after ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not is_enough(self.messages()):
                    await asyncio.sleep(0.02)
        return self.messages()


@contextlib.asynccontextmanager
async def running_front(
    folder: Path, *, cdn: ClientSession | None, listener: socket.socket | None = None
) -> AsyncIterator[Front]:
    """The TLS front on ``listener`` or a free port; without a ``cdn`` its host answers 404."""
    listener = listener or socket.create_server(("127.0.0.1", 0))
    context, certificate, spki = _certificate(folder)
    front = Front(port=listener.getsockname()[1], certificate=certificate, spki=spki)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        host = request.headers.get("Host", "").partition(":")[0]
        front.seen.append(Seen(request.method, host, request.raw_path, await request.read()))
        if host in front.cdn_hosts and cdn is not None:
            return await _hand_on(cdn, request)
        if host in front.api_hosts:
            return _as_api(request)
        if host == SITE_HOST and request.path == "/":
            return web.Response(text=front.page, content_type="text/html")
        return web.Response(status=204 if host == SITE_HOST else 404)

    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=1)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=context).start()
    try:
        yield front
    finally:
        await runner.cleanup()


async def _hand_on(cdn: ClientSession, request: web.BaseRequest) -> web.Response:
    headers = [(name, value) for name, value in request.headers.items() if name != "Connection"]
    url = f"http://cdn{request.raw_path}"
    async with cdn.request(request.method, url, headers=headers) as answer:
        answered = [
            (n, v) for n, v in answer.headers.items() if n not in {"Content-Length", "Date"}
        ]
        return web.Response(status=answer.status, headers=answered, body=await answer.read())


def _as_api(request: web.BaseRequest) -> web.Response:
    cors = {
        "Access-Control-Allow-Origin": request.headers.get("Origin", "*"),
        "Access-Control-Allow-Headers": "authorization, content-type, x-retry-count",
        "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    }
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=cors)
    return web.json_response({"success": True}, headers=cors)


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path, str]:
    """A throw-away self-signed certificate for the hosts, its file and its SPKI pin."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName(host) for host in (CDN_HOST, API_HOST, SITE_HOST, "localhost")]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "certificate.pem", folder / "key.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return context, file, base64.b64encode(hashlib.sha256(spki).digest()).decode()
