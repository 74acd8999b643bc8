"""A durable message through the whole HTTPS edge, beside Caddy's plain proxy, in one run.

The demo's Envoy, ingest processes and nats-server are pinned to core 0, and so are Caddy and the
nginx that it proxies to, which answers ``return 200`` and stores nothing. h2load sends messages of
1 KB from core 1 over TLS connections that are kept, HTTP/1.1 and HTTP/2. Rounds are interleaved;
compare only within one run. CPU is that of all server processes of a side.

    python benchmarks/edge.py [--seconds 3] [--rounds 5] [--connections 64]
"""

import argparse
import base64
import contextlib
import datetime as dt
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

REPOSITORY: Final = Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "benchmarks")]

from ingest import LOAD_CORE, NGINX, ORIGIN, SERVER_CORE, free_port, one_message, running  # noqa: E402

from tests.running import RunningDemo, running_demo  # noqa: E402

CADDYFILE: Final = """{{
  admin off
  auto_https off
}}
https://:{port} {{
  tls {folder}/cert.pem {folder}/key.pem
  reverse_proxy unix/{folder}/origin.sock
}}
"""


class Round(NamedTuple):
    """What one round of load showed."""

    rate: float
    cpu_us: float


def measure(
    port: int, host: str, load: list[str], servers: list[psutil.Process], seconds: int
) -> Round:
    """One round of load; CPU is what the servers used meanwhile."""
    before = sum(sum(server.cpu_times()[:2]) for server in servers)
    command = ["taskset", "-c", str(LOAD_CORE), "h2load", "-t1", f"-D{seconds}", *load]
    command += [f"--connect-to=127.0.0.1:{port}", f"https://{host}:{port}/v1/t"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    used = sum(sum(server.cpu_times()[:2]) for server in servers) - before
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if codes is None or any(int(codes[number]) for number in (2, 3, 4)) or not int(codes[1]):
        sys.exit(f"not every request was answered 200:\n{text}")
    return Round(int(codes[1]) / seconds, used / int(codes[1]) * 1e6)


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
def running_caddy(folder: Path, host: str) -> Iterator[tuple[int, list[psutil.Process]]]:
    """Caddy and what it proxies to, on the servers' core: the port, and whose CPU counts."""
    port = free_port()
    write_pair(folder, host)
    (folder / "Caddyfile").write_text(CADDYFILE.format(port=port, folder=folder))
    origin = NGINX.format(folder=folder, name="origin", servers=ORIGIN.format(folder=folder))
    (folder / "origin.conf").write_text(origin)
    caddy = ["caddy", "run", "--adapter", "caddyfile", "--config", f"{folder}/Caddyfile"]
    with (
        running(["nginx", "-c", f"{folder}/origin.conf"]) as nginx,
        running(caddy, port) as process,
    ):
        yield port, [*nginx.children(), process]


def pin(demo: RunningDemo) -> list[psutil.Process]:
    """Put what a message goes through on the servers' core; those processes."""
    servers = []
    for role, pid in demo.report["pids"].items():
        if role.partition("-")[0] in {"envoy", "nats", "ingest"}:
            servers.append(psutil.Process(pid))
    for server in servers:
        for thread in server.threads():
            psutil.Process(thread.id).cpu_affinity([SERVER_CORE])
    return servers


def compare(demo: RunningDemo, folder: Path, arguments: argparse.Namespace, version: str) -> None:
    """Run both sides in turn and print the figures."""
    host = demo.domain["api_host"]
    key = demo.source("javascript")["write_key"]
    authorization = base64.b64encode(f"{key}:".encode()).decode()
    (folder / "body").write_bytes(one_message())
    load = [f"-c{arguments.connections}", f"-d{folder}/body", "-H", "content-type: text/plain"]
    load += ["-H", f"authorization: Basic {authorization}"]
    load += ["--h1"] if version == "HTTP/1.1" else ["-m4"]
    with running_caddy(folder, host) as (port, theirs):
        ours = pin(demo)
        print(f"{version}, {arguments.connections} connections")
        rates, costs = [], []
        for number in range(arguments.rounds + 1):
            plain = measure(port, host, load, theirs, arguments.seconds)
            durable = measure(demo.https_port, host, load, ours, arguments.seconds)
            if number == 0:
                continue  # warm
            for name, seen in (("caddy", plain), ("edge", durable)):
                print(f"{name:9}{seen.rate:9.0f}/s {seen.cpu_us:7.1f} CPU us")
            rates.append(durable.rate / plain.rate)
            costs.append(durable.cpu_us / plain.cpu_us)
    print(
        "durable through the edge to Caddy's plain proxy, medians of the rounds' ratios: "
        f"rate {statistics.median(rates):.2f}, CPU {statistics.median(costs):.2f}\n"
    )


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="firstparty-bench-") as folder,
        running_demo(Path(folder) / "demo") as demo,
    ):
        # Delivery is another benchmark's: here it would only take the load's core.
        demo.control_upstream("down")
        for version in ("HTTP/1.1", "HTTP/2"):
            compare(demo, Path(folder), arguments, version)
        demo.control_upstream("ok")


if __name__ == "__main__":
    main()
