"""The shop's site as the demo has it: the snippet's facts, and how a browser gets there.

``demo.json`` is all that it knows of the demo, and of that no password and no token.
"""

import asyncio
import base64
import hashlib
import os
import re
import shlex
import ssl
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firstparty.config.addresses import ConfigError, parse_address
from firstparty.snippets.facts import SnippetFacts

_PIN_SECONDS: Final = 2.0
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*)</script>", re.DOTALL)


class _Source(msgspec.Struct, frozen=True):
    type: str
    write_key: str
    alias_url: str


class _Domain(msgspec.Struct, frozen=True):
    name: str
    cdn_host: str
    api_host: str
    status: str
    sources: tuple[_Source, ...]


class _Edge(msgspec.Struct, frozen=True):
    https: str
    ca: str


class _Upstream(msgspec.Struct, frozen=True):
    url: str


class _Demo(msgspec.Struct, frozen=True):
    """The part of ``demo.json`` that the page may know: no password, no token."""

    edge: _Edge
    upstream: _Upstream
    domains: tuple[_Domain, ...]


class ShopSite(msgspec.Struct, frozen=True, kw_only=True):
    """What the page needs: the snippet's facts, and how a browser reaches the edge."""

    domain: str
    status: str
    facts: SnippetFacts
    edge: str
    ca: str
    upstream: str


def parse_demo(report: bytes) -> ShopSite | None:
    """The shop's site from ``demo.json``; None before there is a domain with a script."""
    try:
        demo = msgspec.json.decode(report, type=_Demo)
        port = parse_address(demo.edge.https, key="edge.https").port
    except (msgspec.DecodeError, ConfigError):
        return None
    for domain in demo.domains:
        for source in domain.sources:
            if source.type == "javascript":
                path = source.alias_url.partition("://")[2].partition("/")[2]
                return ShopSite(
                    domain=domain.name,
                    status=domain.status,
                    facts=SnippetFacts(
                        write_key=source.write_key,
                        cdn_host=domain.cdn_host,
                        api_host=domain.api_host,
                        alias=path.removesuffix(".min.js"),
                        https_port=port,
                    ),
                    edge=demo.edge.https,
                    ca=demo.edge.ca,
                    upstream=demo.upstream.url,
                )
    return None


def build_browser_command(site: ShopSite, *, shop: str, pin: str, profile: Path) -> str:
    """A Chromium that finds the names on this machine and trusts the edge's key, and no other.

    A profile of its own, so that nothing of it stays in the browser that a person uses.
    """
    command = [
        "chromium",
        f"--user-data-dir={profile}",
        f"--host-resolver-rules=MAP *.{site.domain} {site.edge.rpartition(':')[0]}",
        f"--ignore-certificate-errors-spki-list={pin}",
    ]
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # Chromium's own rule for root
    return shlex.join([*command, shop])


def build_policy(site: ShopSite, snippet: str) -> str:
    """The page's Content-Security-Policy: its own files, this snippet, the two hosts."""
    [inline] = _INLINE_SCRIPT.findall(snippet)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    facts = site.facts
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            f"script-src 'self' 'sha256-{digest}' {facts.cdn_origin}",
            f"connect-src {facts.cdn_origin} {facts.api_origin} {site.upstream}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


async def fetch_pin(site: ShopSite) -> str | None:
    """The pin (SHA-256 of the public key, base64) of the edge's certificate, once checked.

    None while the edge cannot be reached or shows a certificate that the demo's CA did not sign.
    """
    address = parse_address(site.edge, key="edge.https")
    try:
        context = await asyncio.to_thread(ssl.create_default_context, cafile=site.ca)
        async with asyncio.timeout(_PIN_SECONDS):
            _, writer = await asyncio.open_connection(
                address.host, address.port, ssl=context, server_hostname=site.facts.cdn_host
            )
    except (OSError, TimeoutError):  # ssl.SSLError is an OSError
        return None
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True)
    writer.close()
    if certificate is None:
        return None
    key = x509.load_der_x509_certificate(certificate).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()
