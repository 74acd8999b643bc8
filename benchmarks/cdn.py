"""Script and settings through the edge's TLS, beside nginx with the same bytes, in one run.

The whole product runs (``firstparty demo``); Envoy, ads and the CDN role are pinned to core 0, and
so is nginx, one worker with its own TLS; h2load asks from core 1 over HTTP/1.1 and HTTP/2. Rounds
are in turns, for machines differ from minute to minute: compare only within one run. CPU is that of
all server processes of a side.

    python benchmarks/cdn.py [--seconds 2] [--rounds 4] [--page-views 9]

It also prints how long the first page view with an empty cache takes in Chromium: until the script,
the settings and the first event are done. Through the edge the event is on disk then; beside it is
a plain nginx in its place, which has the same script and settings as files and proxies the event
straight to the demo's upstream. Views are in turns, each in a browser context of its own.
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
  map $request_method $preflight {{ OPTIONS 1; default 0; }}
  upstream segment {{ server {upstream}; keepalive 8; }}
  server {{ listen 127.0.0.1:{proxy_port} ssl http2; root {folder}/site;
    location / {{ add_header Content-Encoding gzip; add_header Access-Control-Allow-Origin *;
      add_header Cache-Control "public, max-age=0"; add_header Vary Accept-Encoding; }}
    location = /v1/p {{
      add_header Access-Control-Allow-Origin *;
      add_header Access-Control-Allow-Headers "authorization, content-type, x-retry-count";
      if ($preflight) {{ return 204; }}
      proxy_pass http://segment; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
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
        deadline = time.monotonic() + 180
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
def running_nginx(folder: Path, *, upstream: str) -> Iterator[tuple[psutil.Process, int, int]]:
    """Nginx with the files of ``folder/files``, and in the edge's place with ``folder/site``."""
    port, proxy_port = free_port(), free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=bench", "-keyout", folder / "key.pem",
         "-out", folder / "chain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    config = folder / "nginx.conf"
    config.write_text(
        NGINX.format(folder=folder, port=port, proxy_port=proxy_port, upstream=upstream)
    )
    nginx = subprocess.Popen(["nginx", "-c", config, "-e", folder / "nginx.log"])
    try:
        until_listening(port)
        master = psutil.Process(nginx.pid)
        while not master.children():  # it listens before its worker is there
            time.sleep(0.05)
        yield master, port, proxy_port
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


def compare(folder: Path, report: dict[str, Any], given: argparse.Namespace) -> None:
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
        body = fetch(url, report)
        (folder / "files" / name).write_bytes(body)
        site = folder / "site" / httpx.URL(url).path.lstrip("/")
        site.parent.mkdir(parents=True, exist_ok=True)
        site.write_bytes(body)
    upstream = str(httpx.URL(report["upstream"]["url"]).netloc, "ascii")
    with running_nginx(folder, upstream=upstream) as (nginx, port, proxy_port):
        theirs = [nginx, *nginx.children()]
        pin(ours + theirs)
        for name, url in urls.items():
            for is_h2 in (False, True):
                measured: dict[str, list[Load]] = {"ours": [], "nginx": []}
                for _ in range(given.rounds):
                    there = f"https://{httpx.URL(url).host}:{port}/{name}"
                    measured["ours"].append(
                        load(ours, url, edge_port, seconds=given.seconds, is_h2=is_h2)
                    )
                    measured["nginx"].append(
                        load(theirs, there, port, seconds=given.seconds, is_h2=is_h2)
                    )
                tell(name, measured, is_h2=is_h2, size=(folder / "files" / name).stat().st_size)
        yield_core(ours + theirs)
        asyncio.run(first_views(report, edge_port, proxy_port, given.page_views))


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


async def first_views(report: dict[str, Any], edge_port: int, proxy_port: int, pages: int) -> None:
    """Milliseconds from the navigation to each of three answers, through both, in turns."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - only for this

    sides = {"edge": edge_port, "nginx": proxy_port}
    times: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    async with async_playwright() as playwright:
        browsers = {
            name: await playwright.chromium.launch(
                executable_path="/usr/bin/chromium",
                args=[
                    "--no-sandbox",
                    "--ignore-certificate-errors",
                    f"--host-resolver-rules=MAP *.shop.test 127.0.0.1:{port}",
                ],
            )
            for name, port in sides.items()
        }
        for number in range(pages + 1):
            for name, browser in browsers.items():
                seen = await first_view(browser, report["shop"])
                if number:  # a browser's very first page is slower than any other
                    times[name].append(seen)
        for browser in browsers.values():
            await browser.close()
    for name, seen in times.items():
        told = ", ".join(
            f"{what} {statistics.median(one[what] for one in seen):.0f} ms" for what in seen[0]
        )
        print(f"first page view, {name}: {told} (medians of {pages})")
    ratios = [
        ours["event"] / theirs["event"]
        for ours, theirs in zip(times["edge"], times["nginx"], strict=True)
    ]
    print(f"first event, edge to nginx in the same turn: {statistics.median(ratios):.2f}")


async def first_view(browser: Any, shop: str) -> dict[str, float]:
    """Milliseconds until script, settings and the first event were answered to the end."""
    context = await browser.new_context()
    page = await context.new_page()
    seen: dict[str, float] = {}
    done = asyncio.Event()
    started = time.perf_counter()

    def finished(request: Any) -> None:
        path, method = httpx.URL(request.url).path, request.method
        kinds = {
            "script": path.endswith(".min.js"),
            "settings": path.endswith("/settings"),
            "event": path == "/v1/p" and method == "POST",
        }
        for kind, is_one in kinds.items():
            if is_one:
                seen.setdefault(kind, (time.perf_counter() - started) * 1000)
        if len(seen) == len(kinds):
            done.set()

    page.on("requestfinished", finished)
    async with asyncio.timeout(60):
        await page.goto(shop)
        await done.wait()
    await context.close()
    return seen


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--page-views", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_demo(folder) as report:
            time.sleep(HOT_SECONDS)
            compare(folder, report, given)


if __name__ == "__main__":
    main()
