"""Durable single messages through ingest, beside nginx's plain proxy, in one run.

One ingest process and its nats-server (``sync_interval: always``) are pinned to core 0, wrk to
core 1, with 64 and then with 512 keep-alive connections. nginx is pinned the same way: one worker
that proxies to another one which answers ``return 200``, and stores nothing. Rounds are
interleaved, for machines differ from minute to minute: compare only within one run. CPU is that of
all server processes.

    python benchmarks/ingest.py [--seconds 3] [--rounds 6] [--python PATH] [--flush-ms 5] [--batch]

``--python`` is the interpreter of the ingest process: how it was built is worth a tenth.
``--flush-ms`` delays each of nats-server's flushes (with strace), for disks of a laboratory flush
faster than others. ``--batch`` sends batches of 100 messages, 88 KB, instead of single ones.
``--rate`` adds a measurement at about so many requests a second, with a random pause before each:
otherwise wrk sends as many as are answered.
"""

import argparse
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

import psutil
from _ingest_process import HOST, LOG_BYTES, WRITE_KEY

from firstparty.config.addresses import Address
from firstparty.serve.processes import INGEST_ENVIRONMENT
from firstparty.spool.server import build_command, build_config, find_nats_server

SOURCE = Path(__file__).parents[1] / "src"
PROCESS = Path(__file__).with_name("_ingest_process.py")
# With few, the core has nothing to do while a group is flushed: all of them wait for it.
CONNECTIONS = (64, 512)
SERVER_CORE, LOAD_CORE = 0, 1

NGINX = """
daemon off; worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/{name}.log error;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_buffer_size 1m;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  {servers}
}}
"""
ORIGIN = """server {{ listen unix:{folder}/origin.sock;
  location / {{ default_type application/json; return 200 '{{"success": true}}'; }} }}"""
PROXY = """upstream origin {{ server unix:{folder}/origin.sock; keepalive 512; }}
  server {{ listen 127.0.0.1:{port} backlog=1024;
  location / {{ proxy_pass http://origin; proxy_http_version 1.1;
    proxy_set_header Connection ""; }} }}"""


class Round(NamedTuple):
    """What one round of load showed."""

    rate: float  # requests answered 200 a second
    cpu_us: list[float]  # of each server process, a request
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


def one_batch() -> bytes:
    """100 messages of a server, 88 KB."""
    message = json.loads(one_message())
    del message["writeKey"], message["sentAt"]
    message["properties"]["note"] = "x" * (880 - len(json.dumps(message | {"properties": {}})) - 80)
    batch = [message | {"messageId": f"{number:08}-{'x' * 40}"} for number in range(100)]
    return json.dumps({"batch": batch, "writeKey": WRITE_KEY}).encode()


def write_load_script(file: Path, path: str, body: str, pause_ms: int = 0) -> None:
    """What wrk sends, as Lua: the head as Envoy would pass it on, names in lower case.

    ``pause_ms`` is the mean of a random pause before each request.
    """
    authorization = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
    head = (
        f"POST {path} HTTP/1.1",
        f"host: {HOST}",
        "content-type: text/plain",
        "origin: https://shop.example.test",
        "user-agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0",
        f"authorization: Basic {authorization}",
        "x-real-ip: 203.0.113.9",
        f"content-length: {len(body)}",
    )
    lines = "\\r\\n".join((*head, "", ""))
    # Built once, not for each request.
    file.write_text(
        f'local request = "{lines}" .. [==[{body}]==]\nwrk.format = function() return request end\n'
        + (f"function delay() return math.random(0, {2 * pause_ms}) end\n" if pause_ms else "")
    )


def measure(
    port: int, script: Path, servers: list[psutil.Process], seconds: int, connections: int
) -> Round:
    """One round of load; CPU is what the servers used meanwhile."""
    before = [sum(server.cpu_times()[:2]) for server in servers]
    command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["--latency", "-s", str(script), f"http://127.0.0.1:{port}/v1/t"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    used = [
        sum(server.cpu_times()[:2]) - spent for server, spent in zip(servers, before, strict=True)
    ]
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"not every request was answered 200:\n{text}")
    requests = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
    percentiles = dict(re.findall(r"(50|99)%\s+(\S+)", text))
    cpu_us = [seconds / requests * 1e6 for seconds in used]
    return Round(rate, cpu_us, percentiles["50"], percentiles["99"])


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int | None = None) -> Iterator[psutil.Process]:
    """A process on the servers' core, ready when ``port`` takes connections."""
    pinned = ["taskset", "-c", str(SERVER_CORE), *command]
    # Any Python with the packages will do: the code that is measured is this tree's.
    environment = {**INGEST_ENVIRONMENT, **os.environ, "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(pinned, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            deadline = time.monotonic() + 20
            while port is not None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if time.monotonic() > deadline or process.poll() is not None:
                    sys.exit(f"did not start (ended with {process.poll()}): {' '.join(command)}")
                time.sleep(0.05)
            yield psutil.Process(process.pid)
        finally:
            # strace would leave its child behind, which ends it; nginx's end with it anyway.
            with contextlib.suppress(psutil.NoSuchProcess):
                for each in [*psutil.Process(process.pid).children(), process]:
                    each.terminate()
            process.wait()


@contextlib.contextmanager
def running_ingest(
    folder: Path, python: str, flush_ms: int
) -> Iterator[tuple[int, list[psutil.Process]]]:
    """nats-server and one ingest process: the port, and whose CPU counts."""
    nats_port, port = free_port(), free_port()
    config = folder / "nats.conf"
    listen = Address("127.0.0.1", nats_port)
    config.write_text(build_config(listen=listen, store=folder / "nats", max_bytes=LOG_BYTES))
    command = build_command(find_nats_server(), config)
    if flush_ms:
        delay = f"inject=fsync:delay_exit={flush_ms * 1000}"
        strace = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync"]
        command = [*strace, "-e", delay, *command]
    ingest = [python, str(PROCESS), str(port), str(folder), f"nats://127.0.0.1:{nats_port}"]
    with running(command, nats_port) as nats, running(ingest, port) as process:
        yield port, [*(nats.children() if flush_ms else [nats]), process]


@contextlib.contextmanager
def running_nginx(folder: Path) -> Iterator[tuple[int, list[psutil.Process]]]:
    """A proxy and what it proxies to: the port, and whose CPU counts."""
    port = free_port()
    for name, servers in (("origin", ORIGIN), ("proxy", PROXY)):
        text = servers.format(folder=folder, port=port)
        (folder / f"{name}.conf").write_text(NGINX.format(folder=folder, name=name, servers=text))
    with (
        running(["nginx", "-c", f"{folder}/origin.conf"]) as origin,
        running(["nginx", "-c", f"{folder}/proxy.conf"], port) as proxy,
    ):
        yield port, [*origin.children(), *proxy.children()]


def compare(folder: Path, arguments: argparse.Namespace, connections: int) -> None:
    """Run both sides in turn and print the figures."""
    script = folder / "load.lua"
    path, body = ("/v1/batch", one_batch()) if arguments.batch else ("/v1/t", one_message())
    write_load_script(script, path, body.decode())
    with (
        running_nginx(folder) as (nginx_port, theirs),
        running_ingest(folder, arguments.python, arguments.flush_ms) as (port, ours),
    ):
        measure(port, script, ours, 1, connections)  # warm
        measure(nginx_port, script, theirs, 1, connections)
        what = "a batch of 100 messages" if arguments.batch else "1 message"
        print(f"{what}, {len(body)} B a request, {connections} connections")
        print(f"{'':9}{'req/s':>9} {'CPU us':>7} {'p50':>9} {'p99':>9}")
        rates, costs, parts = [], [], []
        for _ in range(arguments.rounds):
            plain = measure(nginx_port, script, theirs, arguments.seconds, connections)
            durable = measure(port, script, ours, arguments.seconds, connections)
            for name, seen in (("nginx", plain), ("ingest", durable)):
                cpu = sum(seen.cpu_us)
                print(f"{name:9}{seen.rate:9.0f} {cpu:7.2f} {seen.p50:>9} {seen.p99:>9}")
            rates.append(durable.rate / plain.rate)
            costs.append(sum(durable.cpu_us) / sum(plain.cpu_us))
            parts.append(durable.cpu_us)
        print(
            "durable ingest to nginx proxy, medians of the rounds' ratios: "
            f"rate {statistics.median(rates):.2f}, CPU {statistics.median(costs):.2f}"
        )
        nats, ingest = (statistics.median(one) for one in zip(*parts, strict=True))
        print(f"CPU us a request: {ingest:.1f} in ingest, {nats:.1f} in nats-server")
        if arguments.rate:
            write_load_script(script, path, body.decode(), 1000 * connections // arguments.rate)
            seen = measure(port, script, ours, 5 * arguments.seconds, connections)
            print(f"ingest at {seen.rate:.0f} requests/s: p50 {seen.p50}, p99 {seen.p99}")
        print()


def describe_python(python: str) -> str:
    """Which Python this is, and whether it was configured with profile-guided optimisation."""
    code = (
        "import sys, sysconfig; o = '--enable-optimizations'; "
        "has = o in (sysconfig.get_config_var('CONFIG_ARGS') or ''); "
        "print(sys.executable, sys.version.split()[0], o, 'given' if has else 'not given')"
    )
    command = [python, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--flush-ms", type=int, default=0)
    parser.add_argument("--batch", action="store_true")
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    arguments = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        sys.exit("needs two cores: one for the servers, one for the load")
    print(f"ingest runs on {describe_python(arguments.python)}")
    print("(Debian's own Python is optimised by its profile all the same)")
    if arguments.flush_ms:
        print(f"each flush of the log takes {arguments.flush_ms} ms more")
    for connections in arguments.connections:
        with tempfile.TemporaryDirectory(prefix="firstparty-bench-") as folder:
            compare(Path(folder), arguments, connections)


if __name__ == "__main__":
    main()
