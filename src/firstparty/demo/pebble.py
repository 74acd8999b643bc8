"""Pebble, the test CA of RFC 8555's authors, as a child process with free ports of its own.

Debian's Pebble brings no certificate for its own TLS listener: one is made for each run. Its
roots are new in each run too, so its root is fetched from the management port once it is up.
"""

import asyncio
import contextlib
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from firstparty.config.addresses import Address

HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 60  # a machine may be busy
_STOP_SECONDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PebblePorts:
    """Where it listens, and where it comes to validate http-01 and tls-alpn-01."""

    acme: int
    management: int
    http: int
    tls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pebble:
    """A Pebble: its files are in ``folder``, the root it issues under goes to ``roots``.

    ``external_accounts``: HMAC keys, base64url, by their ids; with one, it wants accounts bound.
    ``lifetime``: of the certificates that it issues; its own default is five years.
    """

    folder: Path
    roots: Path
    ports: PebblePorts
    dns_server: Address
    external_accounts: Mapping[str, str] = field(default_factory=dict)
    lifetime: timedelta | None = None

    @property
    def directory_url(self) -> str:
        """The ACME directory."""
        return f"https://{HOST}:{self.ports.acme}/dir"

    @property
    def ca_bundle(self) -> Path:
        """PEM to trust for its directory: the certificate of its own listener."""
        return self.folder / "ca.pem"

    @property
    def config_file(self) -> Path:
        """Its configuration."""
        return self.folder / "pebble.json"


def find_pebble() -> Path | None:
    """The pebble binary on PATH, if it is installed."""
    found = shutil.which("pebble")
    return Path(found) if found else None


def build_config(pebble: Pebble) -> dict[str, Any]:
    """Its configuration file, as data."""
    period: dict[str, int] = {}
    if pebble.lifetime is not None:
        period["certificateValidityPeriod"] = int(pebble.lifetime.total_seconds())
    return {
        "pebble": {
            **period,
            "listenAddress": f"{HOST}:{pebble.ports.acme}",
            "managementListenAddress": f"{HOST}:{pebble.ports.management}",
            "certificate": str(pebble.ca_bundle),
            "privateKey": str(pebble.folder / "pebble-tls.key"),
            "httpPort": pebble.ports.http,
            "tlsPort": pebble.ports.tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": bool(pebble.external_accounts),
            "externalAccountMACKeys": dict(pebble.external_accounts),
        }
    }


def build_command(pebble: Pebble, binary: Path) -> tuple[str, ...]:
    """The command that runs it in the foreground."""
    return (
        str(binary),
        "-config",
        str(pebble.config_file),
        "-strict",
        "-dnsserver",
        str(pebble.dns_server),
    )


def build_environment(*, nonce_reject_percent: int = 50) -> Mapping[str, str]:
    """What its environment adds: no sleep before validating, and so many good nonces refused."""
    return {
        "PEBBLE_VA_NOSLEEP": "1",
        "PEBBLE_WFE_NONCEREJECT": str(nonce_reject_percent),
    }


def write_files(pebble: Pebble) -> None:
    """Make a certificate for its own listener and write its configuration."""
    pebble.folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pebble of this run")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName(
        [x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost")]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (pebble.folder / "pebble-tls.key").write_bytes(private)
    (pebble.folder / "pebble-tls.key").chmod(0o600)
    pebble.ca_bundle.write_bytes(pem)
    pebble.config_file.write_bytes(msgspec.json.encode(build_config(pebble)))


async def write_roots(pebble: Pebble) -> None:
    """Wait until it is up, then write the root that it issues under to ``pebble.roots``.

    Raises TimeoutError if it is not up after a minute.
    """
    own = pebble.ca_bundle.read_text()
    async with asyncio.timeout(_START_SECONDS):
        root = await _fetch_root(pebble, ssl.create_default_context(cadata=own))
    fresh = pebble.roots.with_suffix(".new")
    fresh.write_text(root)
    fresh.replace(pebble.roots)


async def _fetch_root(pebble: Pebble, trust: ssl.SSLContext) -> str:
    url = f"https://{HOST}:{pebble.ports.management}/roots/0"
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url, ssl=trust) as answer:
                    return await answer.text()
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def run_pebble(pebble: Pebble, *, nonce_reject_percent: int = 50) -> AsyncIterator[int]:
    """Run it until the block is left; the value is its pid. FileNotFoundError: not installed."""
    binary = find_pebble()
    if binary is None:
        raise FileNotFoundError("pebble is not installed (Debian: apt install pebble)")
    write_files(pebble)
    environment = {**os.environ, **build_environment(nonce_reject_percent=nonce_reject_percent)}
    with (pebble.folder / "pebble.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *build_command(pebble, binary), stdout=log, stderr=log, env=environment
        )
    try:
        await write_roots(pebble)
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
