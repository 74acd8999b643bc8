"""Durable single messages through ingest, beside nginx's plain proxy, in one run.

One ingest process and its nats-server (``sync_interval: always``) are pinned to core 0, wrk with
64 keep-alive connections to core 1. nginx is pinned the same way: one worker that proxies to
another one which answers ``return 200``, and stores nothing. Rounds are interleaved, for machines
differ from minute to minute: compare only within one run. CPU is that of all server processes.

    python benchmarks/ingest.py [--seconds 3] [--rounds 4]
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import uvloop

from firstparty.config import Address
from firstparty.ingest.serve import serve_ingest
from firstparty.model.feed import EdgeDomain, EdgeSource, Topic
from firstparty.spool.server import build_command, build_config, find_nats_server
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.reader import open_feed

HOST = "api.cdp.example.test"
WRITE_KEY = "WKBENCHMARK"
LOG_BYTES = 8 * 1024**3
CONNECTIONS = 64
SERVER_CORE, LOAD_CORE = 0, 1

NGINX = """
daemon off; worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/{name}.log error;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  {servers}
}}
"""
ORIGIN = """server {{ listen unix:{folder}/origin.sock;
  location / {{ default_type application/json; return 200 '{{"success": true}}'; }} }}"""
PROXY = """upstream origin {{ server unix:{folder}/origin.sock; keepalive 128; }}
  server {{ listen 127.0.0.1:{port} backlog=1024;
  location / {{ proxy_pass http://origin; proxy_http_version 1.1;
    proxy_set_header Connection ""; }} }}"""


class Round(NamedTuple):
    """What one round of load showed."""

    rate: float  # requests answered 200 a second
    cpu_us: float  # of all server processes, a request
    p50: str
    p99: str


def one_message() -> bytes:
    """A track message of 1 KB as a browser sends it."""
    message = {
        "type": "track",
        "event": "Product Viewed",
        "timestamp": "2026-11-21T23:00:00.000Z",
        "messageId": "ajs-next-1795302000000-0b0e6f5e-9c54-4f6f-8a4c-2f6a1c9d7e11",
        "anonymousId": "5f0e9c4e-8a3d-4d53-9d0e-6f0e6a0b7c21",
        "userId": None,
        "writeKey": WRITE_KEY,
        "sentAt": "2026-11-21T23:00:00.100Z",
        "integrations": {},
        "properties": {"sku": "G-32", "price": 18.99, "currency": "EUR", "note": ""},
        "context": {
            "page": {"path": "/shop", "url": "https://shop.example.test/shop", "title": "Shop"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0",
            "locale": "en-GB",
            "library": {"name": "analytics.js", "version": "next-1.84.3"},
            "timezone": "Europe/Berlin",
        },
    }
    message["properties"]["note"] = "x" * (1024 - len(json.dumps(message)))  # type: ignore[index]
    return json.dumps(message).encode()


def write_load_script(file: Path) -> None:
    """What wrk sends, as Lua; it counts answers other than 200."""
    authorization = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
    file.write_text(
        f'wrk.method = "POST"\nwrk.body = [==[{one_message().decode()}]==]\n'
        f'wrk.headers["Host"] = "{HOST}"\n'
        'wrk.headers["Content-Type"] = "text/plain"\n'
        'wrk.headers["Origin"] = "https://shop.example.test"\n'
        'wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0"\n'
        f'wrk.headers["Authorization"] = "Basic {authorization}"\n'
        'wrk.headers["X-Real-IP"] = "203.0.113.9"\n'
    )


def measure(port: int, script: Path, servers: list[psutil.Process], seconds: int) -> Round:
    """One round of load; CPU is what the servers used meanwhile."""
    before = cpu_seconds(servers)
    command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command += ["--latency", "-s", str(script), f"http://127.0.0.1:{port}/v1/t"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    used = cpu_seconds(servers) - before
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"not every request was answered 200:\n{text}")
    requests = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
    percentiles = dict(re.findall(r"(50|99)%\s+(\S+)", text))
    return Round(rate, used / requests * 1e6, percentiles["50"], percentiles["99"])


def cpu_seconds(servers: list[psutil.Process]) -> float:
    """User and system time of these processes so far."""
    return sum(sum(server.cpu_times()[:2]) for server in servers)


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int | None = None) -> Iterator[psutil.Process]:
    """A process on the servers' core, ready when ``port`` takes connections."""
    with subprocess.Popen(["taskset", "-c", str(SERVER_CORE), *command]) as process:
        try:
            deadline = time.monotonic() + 20
            while port is not None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if time.monotonic() > deadline or process.poll() is not None:
                    sys.exit(f"did not start: {command}")
                time.sleep(0.05)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()


def serve(port: int, folder: Path, log_url: str) -> None:
    """One ingest process with one domain: what is measured."""
    store = Store(f"sqlite:///{folder / 'store.db'}")
    tables.metadata.create_all(store.engine)
    source = EdgeSource(
        id="src_1", number=1, type="javascript", write_key=WRITE_KEY, alias="a/b", upstream=""
    )
    domain = EdgeDomain(
        id="dom_1",
        workspace="wsp_1",
        name="cdp.example.test",
        cdn_host="evs.cdp.example.test",
        api_host=HOST,
        sources=(source,),
    )
    with store.write() as connection:
        feed.publish(connection, Topic.EDGE, domain.id, msgspec.json.encode(domain))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))

    async def main() -> None:
        await serve_ingest(
            listener=listener,
            feed=open_feed(str(store.engine.url)),
            snapshot=folder / "snapshot",
            log_url=log_url,
            log_max_bytes=LOG_BYTES,
        )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def compare(folder: Path, rounds: int, seconds: int) -> None:
    """Run both sides in turn and print the figures."""
    script = folder / "load.lua"
    write_load_script(script)
    nats_port, ingest_port, nginx_port = free_port(), free_port(), free_port()
    config = folder / "nats.conf"
    listen = Address("127.0.0.1", nats_port)
    config.write_text(build_config(listen=listen, store=folder / "nats", max_bytes=LOG_BYTES))
    for name, servers in (("origin", ORIGIN), ("proxy", PROXY)):
        text = servers.format(folder=folder, port=nginx_port)
        (folder / f"{name}.conf").write_text(NGINX.format(folder=folder, name=name, servers=text))
    ingest = [sys.executable, __file__, "--serve", str(ingest_port), str(folder)]
    with contextlib.ExitStack() as stack:
        nats = stack.enter_context(
            running(build_command(find_nats_server(), config), port=nats_port)
        )
        url = f"nats://127.0.0.1:{nats_port}"
        ours = [nats, stack.enter_context(running([*ingest, url], port=ingest_port))]
        origin = stack.enter_context(running(["nginx", "-c", f"{folder}/origin.conf"]))
        proxy = stack.enter_context(running(["nginx", "-c", f"{folder}/proxy.conf"], nginx_port))
        theirs = [*origin.children(), *proxy.children()]
        measure(ingest_port, script, ours, 1)  # warm
        measure(nginx_port, script, theirs, 1)
        print(f"1 message of {len(one_message())} B a request, {CONNECTIONS} connections")
        print(f"{'':9}{'req/s':>9} {'CPU us':>7} {'p50':>9} {'p99':>9}")
        ratios = []
        for _ in range(rounds):
            plain = measure(nginx_port, script, theirs, seconds)
            durable = measure(ingest_port, script, ours, seconds)
            for name, seen in (("nginx", plain), ("ingest", durable)):
                print(f"{name:9}{seen.rate:9.0f} {seen.cpu_us:7.2f} {seen.p50:>9} {seen.p99:>9}")
            ratios.append(durable.rate / plain.rate)
            print(f"  ratio  {ratios[-1]:9.2f} (CPU {durable.cpu_us / plain.cpu_us:.2f})")
        print(
            f"median ratio of rates, durable ingest to nginx proxy: {statistics.median(ratios):.2f}"
        )


def main() -> None:
    """Compare, or be the process that is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--serve", nargs=3, metavar=("PORT", "FOLDER", "LOG_URL"))
    arguments = parser.parse_args()
    if arguments.serve:
        port, folder, url = arguments.serve
        serve(int(port), Path(folder), url)
        return
    if (os.cpu_count() or 1) < 2:
        sys.exit("needs two cores: one for the servers, one for the load")
    with tempfile.TemporaryDirectory(prefix="firstparty-bench-") as folder:
        compare(Path(folder), arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
