"""Other servers with TLS for the edge's benchmark, each on the servers' core."""

import contextlib
import datetime as dt
import json
import os
import pwd
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ingest import NGINX, ORIGIN, free_port, running

from firstparty.edge.connection import EXTENSION
from firstparty.edge.envoy import build_command, find_envoy

Servers = Mapping[str, Sequence[psutil.Process]]  # whose CPU counts, by what they are

_CADDYFILE: Final = """{{
  admin off
  auto_https off
}}
https://:{port} {{
  tls {folder}/cert.pem {folder}/key.pem
  reverse_proxy unix/{folder}/origin.sock
}}
"""
_NGINX_WITH_TLS: Final = """upstream behind {{ {servers} keepalive 512; }}
  server {{ listen 127.0.0.1:{port} ssl http2 backlog=1024;
  ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
  location / {{ proxy_pass http://behind; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_set_header Host $http_host;
    proxy_set_header X-Real-IP $remote_addr; }} }}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of those that are compared."""

    name: str
    port: int
    servers: Servers
    is_durable: bool  # messages go into the log


def write_pair(folder: Path, host: str) -> None:
    """A certificate as the edge has one: ECDSA P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@contextlib.contextmanager
def running_origin(folder: Path) -> Iterator[Sequence[psutil.Process]]:
    """An nginx at ``origin.sock`` that answers every request at once and stores nothing."""
    text = NGINX.format(folder=folder, name="origin", servers=ORIGIN.format(folder=folder))
    (folder / "origin.conf").write_text(text)
    with running(["nginx", "-c", f"{folder}/origin.conf"]) as nginx:
        while not (workers := nginx.children()):
            time.sleep(0.05)
        yield workers


@contextlib.contextmanager
def running_caddy(folder: Path, origin: Sequence[psutil.Process]) -> Iterator[Side]:
    """Caddy as a plain proxy, in front of ``origin``."""
    port = free_port()
    (folder / "Caddyfile").write_text(_CADDYFILE.format(port=port, folder=folder))
    caddy = ["caddy", "run", "--adapter", "caddyfile", "--config", f"{folder}/Caddyfile"]
    with running(caddy, port) as process:
        yield Side(
            name="caddy",
            port=port,
            servers={"caddy": [process], "origin": origin},
            is_durable=False,
        )


@contextlib.contextmanager
def running_bare_envoy(folder: Path, origin: Sequence[psutil.Process]) -> Iterator[Side]:
    """Envoy with TLS, one route and nothing else, in front of ``origin``: its least."""
    port = free_port()
    file = folder / "bare.json"
    file.write_text(json.dumps(_bare_bootstrap(folder, port)))
    with running(build_command(binary=find_envoy(""), bootstrap=file), port) as process:
        yield Side(
            name="bare envoy",
            port=port,
            servers={"envoy": [process], "origin": origin},
            is_durable=False,
        )


@contextlib.contextmanager
def running_nginx(folder: Path, sockets: Sequence[Path], behind: Servers) -> Iterator[Side]:
    """An nginx with TLS in Envoy's place, in front of the ingest processes at ``sockets``."""
    port = free_port()
    servers = " ".join(f"server unix:{socket};" for socket in sockets)
    text = _NGINX_WITH_TLS.format(folder=folder, port=port, servers=servers)
    user = pwd.getpwuid(os.getuid()).pw_name  # the sockets are for their owner alone
    (folder / "front.conf").write_text(
        f"user {user};" + NGINX.format(folder=folder, name="front", servers=text)
    )
    with running(["nginx", "-c", f"{folder}/front.conf"], port) as nginx:
        yield Side(
            name="nginx+ingest",
            port=port,
            servers={"nginx": nginx.children(), **behind},
            is_durable=True,
        )


def _bare_bootstrap(folder: Path, port: int) -> dict[str, object]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "origin", "timeout": "0s"}}
    router = {"@type": EXTENSION + "filters.http.router.v3.Router", "dynamic_stats": False}
    manager = {
        "@type": EXTENSION + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare",
        "generate_request_id": False,
        "stream_idle_timeout": "0s",
        "http_filters": [{"name": "router", "typed_config": router}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    }
    pair = {
        "certificate_chain": {"filename": f"{folder}/cert.pem"},
        "private_key": {"filename": f"{folder}/key.pem"},
    }
    tls = {
        "@type": EXTENSION + "transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [pair]},
    }
    chain = {
        "filters": [{"name": "http", "typed_config": manager}],
        "transport_socket": {"name": "tls", "typed_config": tls},
    }
    listener = {
        "name": "bare",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [chain],
    }
    endpoint = {"endpoint": {"address": {"pipe": {"path": f"{folder}/origin.sock"}}}}
    cluster = {
        "name": "origin",
        "load_assignment": {
            "cluster_name": "origin",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    return {
        "stats_config": {"stats_matcher": {"reject_all": True}},
        "static_resources": {"listeners": [listener], "clusters": [cluster]},
    }
