"""Script and settings through the edge's TLS, beside nginx with the same bytes, in one run.

The whole product runs (``firstparty demo``); Envoy, ads and the CDN role are pinned to core 0, and
so is nginx, one worker with its own TLS; h2load asks from core 1 over HTTP/1.1 and HTTP/2. Rounds
are in turns, for machines differ from minute to minute: compare only within one run. CPU is that of
all server processes of a side.

    python benchmarks/cdn.py [--seconds 2] [--rounds 4] [--page-views 5]

It also prints how long the first page view with an empty cache takes in Chromium through the edge:
until the script, the settings and the first event are done, beside nginx that proxies the same
files and the same API.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil

ROOT = Path(__file__).parents[1]
SERVER_CORE, LOAD_CORE = 0, 1
HOT_SECONDS = 9.0  # until Envoy has been told what is asked for all the time
CONNECTIONS = 32

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log error;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; sendfile on; tcp_nodelay on;
  open_file_cache max=100; default_type text/javascript;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off;
  server {{ listen 127.0.0.1:{port} ssl http2; root {folder}/files;
    add_header Content-Encoding gzip; add_header Access-Control-Allow-Origin *;
    add_header Cache-Control "public, max-age=0"; add_header Vary Accept-Encoding; }}
  server {{ listen 127.0.0.1:{proxy_port} ssl http2;
    location / {{ proxy_pass https://127.0.0.1:{edge_port}; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_ssl_server_name on; proxy_ssl_name $host; }} }}
}}
"""


class Load(NamedTuple):
    """What a side did in one round."""

    rate: float
    cpu_us: float


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running_demo(folder: Path) -> Iterator[dict[str, Any]]:
    """The product on loopback, with its domain live."""
    state = folder / "demo"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "firstparty", "demo", "--state", str(state)]
    log = (folder / "demo.log").open("w")
    demo = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
                report = json.loads((state / "demo.json").read_text())
                if len(report["story"]) >= 9 and report["domains"][0]["status"] == "live":
                    break
            time.sleep(0.2)
        else:
            raise SystemExit(f"the demo did not get ready: {(folder / 'demo.log').read_text()}")
        yield report
    finally:
        demo.terminate()
        demo.wait(20)


@contextlib.contextmanager
def running_nginx(folder: Path, *, edge_port: int) -> Iterator[tuple[psutil.Process, int, int]]:
    """Nginx with the files of ``folder/files``, and as a proxy of the edge."""
    port, proxy_port = free_port(), free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=bench", "-keyout", folder / "key.pem",
         "-out", folder / "chain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    config = folder / "nginx.conf"
    config.write_text(
        NGINX.format(folder=folder, port=port, proxy_port=proxy_port, edge_port=edge_port)
    )
    nginx = subprocess.Popen(["nginx", "-c", config, "-e", folder / "nginx.log"])
    try:
        until_listening(port)
        yield psutil.Process(nginx.pid), port, proxy_port
    finally:
        nginx.terminate()
        nginx.wait(10)


def until_listening(port: int) -> None:
    """Return once somebody listens there."""
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens at {port}")


def pin(processes: list[psutil.Process]) -> None:
    """All threads of these onto the servers' core."""
    for process in processes:
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {SERVER_CORE})


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """CPU that these have used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def load(
    processes: list[psutil.Process], url: str, port: int, *, seconds: float, is_h2: bool
) -> Load:
    """One round of requests for one URL."""
    command = ["taskset", "-c", str(LOAD_CORE), "h2load", "-D", f"{seconds * 1000:.0f}ms", "-c",
               str(CONNECTIONS), "--connect-to", f"127.0.0.1:{port}",
               "-H", "accept-encoding: gzip", *([] if is_h2 else ["--h1"]), url]  # fmt: skip
    before = cpu_seconds(processes)
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    used = cpu_seconds(processes) - before
    found = re.search(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed", output)
    rate = re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", output)
    if found is None or rate is None or int(found[3]) or not int(found[2]):
        raise SystemExit(f"h2load: {output}")
    return Load(rate=float(rate[1]), cpu_us=used / int(found[2]) * 1e6)


def compare(folder: Path, report: dict[str, Any], seconds: float, rounds: int) -> None:
    """Measure both sides in turns, and say what came of it."""
    domain = report["domains"][0]
    web = next(one for one in domain["sources"] if one["type"] == "javascript")
    edge_port = int(report["edge"]["https"].rpartition(":")[2])
    origin = web["script_url"].partition("/analytics.js/")[0]
    urls = {
        "script": web["alias_url"],
        "settings": f"{origin}/v1/projects/{web['write_key']}/settings",
    }
    pids = report["pids"]
    ours = [psutil.Process(pid) for pid in {pids["envoy"], pids["cdn"], pids["ads"]}]
    (folder / "files").mkdir()
    for name, url in urls.items():
        (folder / "files" / name).write_bytes(fetch(url, report))
    with running_nginx(folder, edge_port=edge_port) as (nginx, port, proxy_port):
        theirs = [nginx, *nginx.children()]
        pin(ours + theirs)
        for name, url in urls.items():
            for is_h2 in (False, True):
                measured: dict[str, list[Load]] = {"ours": [], "nginx": []}
                for _ in range(rounds):
                    there = f"https://{httpx.URL(url).host}:{port}/{name}"
                    measured["ours"].append(
                        load(ours, url, edge_port, seconds=seconds, is_h2=is_h2)
                    )
                    measured["nginx"].append(
                        load(theirs, there, port, seconds=seconds, is_h2=is_h2)
                    )
                tell(name, measured, is_h2=is_h2, size=(folder / "files" / name).stat().st_size)
        yield_core(ours + theirs)
        asyncio.run(first_views(report, edge_port, proxy_port))


def yield_core(processes: list[psutil.Process]) -> None:
    """Let them run on both cores again."""
    for process in processes:
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {SERVER_CORE, LOAD_CORE})


def tell(name: str, measured: dict[str, list[Load]], *, is_h2: bool, size: int) -> None:
    """One line: rates, and ratios within each round."""
    ours, nginx = (measured[side] for side in ("ours", "nginx"))
    rates = [one.rate / other.rate for one, other in zip(ours, nginx, strict=True)]
    cpus = [one.cpu_us / other.cpu_us for one, other in zip(ours, nginx, strict=True)]
    print(
        f"{name} ({size:,} B), {'HTTP/2' if is_h2 else 'HTTP/1.1'}: "
        f"{statistics.median(one.rate for one in ours):,.0f} req/s, "
        f"nginx {statistics.median(one.rate for one in nginx):,.0f}: "
        f"rate {statistics.median(rates):.2f}, CPU a request {statistics.median(cpus):.2f} "
        f"({statistics.median(one.cpu_us for one in ours):.0f} us)"
    )


def fetch(url: str, report: dict[str, Any]) -> bytes:
    """The body as it goes over the wire, gzip."""
    target = httpx.URL(url)
    with httpx.Client(verify=ssl.create_default_context(cafile=report["edge"]["ca"])) as client:
        request = client.build_request(
            "GET",
            target.copy_with(host="127.0.0.1"),
            headers={"host": f"{target.host}:{target.port}", "accept-encoding": "gzip"},
            extensions={"sni_hostname": target.host},
        )
        answer = client.send(request, stream=True)
        answer.raise_for_status()
        return b"".join(answer.iter_raw())


PAGES = 5


async def first_views(report: dict[str, Any], edge_port: int, proxy_port: int) -> None:
    """Time from navigation to the answer to the first event, each in a browser context anew."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - only for this

    shop = report["shop"]
    for name, port in (("edge", edge_port), ("nginx proxy of it", proxy_port)):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium",
                args=[
                    "--no-sandbox",
                    "--ignore-certificate-errors",
                    f"--host-resolver-rules=MAP *.shop.test 127.0.0.1:{port}",
                ],
            )
            times = [await first_view(browser, shop) for _ in range(PAGES)]
            await browser.close()
        print(
            f"first page view, {name}: {statistics.median(times) * 1000:.0f} ms (median of {PAGES})"
        )


async def first_view(browser: Any, shop: str) -> float:
    """Seconds from the navigation to the answer to the first event."""
    context = await browser.new_context()
    page = await context.new_page()
    started = time.perf_counter()
    async with page.expect_response(
        lambda answer: answer.url.endswith("/v1/p") and answer.request.method == "POST"
    ) as first:
        await page.goto(shop)
    await (await first.value).finished()
    seconds = time.perf_counter() - started
    await context.close()
    return seconds


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_demo(folder) as report:
            time.sleep(HOT_SECONDS)
            compare(folder, report, given.seconds, given.rounds)


if __name__ == "__main__":
    main()
