"""A real nginx in front of the origin: right, it passes; with one wrong line, that is named."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firstparty.outbound.http import SafeClient
from firstparty.proxies.check import check_proxy
from firstparty.proxies.result import Result, Status
from firstparty.proxies.target import parse_target
from tests.fakes.ports import free_ports
from tests.fakes.proxied_origin import WRITE_KEY, Origin, run_origin
from tests.fakes.throwaway_ca import ThrowawayCa

pytestmark = pytest.mark.needs("nginx")

SET = (
    "proxy_set_header Host origin.test;",
    'proxy_set_header Cookie "";',
    "proxy_set_header X-Forwarded-For $remote_addr;",
)
CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; types {{ text/html html; }}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache keys_zone=one:1m;
  server {{
    listen 127.0.0.1:{port} ssl; server_name localhost;
    ssl_certificate {pair}; ssl_certificate_key {pair};
    proxy_http_version 1.1;
    {set}
    {location}
  }}
}}
"""


@asynccontextmanager
async def nginx(folder: Path, ca: ThrowawayCa, location: str) -> AsyncIterator[int]:
    [port] = free_ports(1)
    file = folder / "nginx.conf"
    file.write_text(
        CONFIG.format(set="".join(SET), folder=folder, port=port, pair=ca.leaf(), location=location)
    )
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    process = await asyncio.create_subprocess_exec(
        *(binary, "-p", str(folder), "-c", str(file)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await wait_for(port, process)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def wait_for(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(30):
        while True:
            assert process.returncode is None, "nginx has ended"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                return


async def check(folder: Path, location: str) -> tuple[Result, ...]:
    ca = ThrowawayCa(folder)
    async with run_origin(Origin()) as origin:
        text = location.replace("ORIGIN", f"127.0.0.1:{origin}")
        async with nginx(folder, ca, text) as port:
            address = f"https://localhost:{port}"
            return await check_proxy(
                parse_target(cdn=address, api=f"{address}/v1", write_key=WRITE_KEY),
                SafeClient(allow_private=True, ca_pem=ca.pem),
                now=datetime.now(UTC),
                nonce="n",
                report=lambda _: None,
                deadline=timedelta(seconds=30),  # a busy machine is no finding
            )


async def test_a_right_nginx_passes_everything(tmp_path: Path) -> None:
    results = await check(tmp_path, "location / { proxy_pass http://ORIGIN; }")
    others = {one.check: one.status for one in results if one.status is not Status.PASS}

    # It listens on a port of its own: nothing says where it would without TLS.
    assert others == {"api.plain-http": Status.SKIP}


@pytest.mark.parametrize(
    ("cause", "location"),
    [
        ("authorization-dropped", 'proxy_set_header Authorization "";'),
        ("content-encoding-lost", 'proxy_set_header Content-Encoding "";'),
        ("cors-missing", 'proxy_set_header Origin "";'),
        ("cors-doubled", "add_header Access-Control-Allow-Origin *;"),
        ("content-encoding-missing", "proxy_hide_header Content-Encoding;"),
        ("body-too-large", "client_max_body_size 100k;"),
        ("client-ip-lost", 'proxy_set_header X-Forwarded-For "";'),
        ("cookies-passed-on", "proxy_set_header Cookie $http_cookie;"),
        ("retry-after-hidden", "proxy_hide_header Access-Control-Expose-Headers;"),
        ("cookies-set", "add_header Set-Cookie sid=1 always;"),
        # The cache takes the settings along, of pages and of none.
        ("cors-missing", "proxy_cache one; proxy_cache_valid 200 1m; proxy_cache_key $uri;"),
    ],
)
async def test_a_wrong_line_of_nginx_is_named(tmp_path: Path, cause: str, location: str) -> None:
    # What a location sets takes the place of all that is set above it.
    kept = "".join(line for line in SET if line.split()[1] not in location)
    own = f"proxy_pass http://ORIGIN; {kept if 'proxy_set_header' in location else ''} {location}"
    results = await check(tmp_path, f"location / {{ {own} }}")

    assert {one.cause for one in results if one.cause} == {cause}


@pytest.mark.parametrize(
    ("cause", "path", "line"),
    [
        ("settings-not-proxied", "/v1/projects/", "return 404;"),
        ("bundles-not-proxied", "/analytics-next/", "return 404;"),
        ("next-integrations-not-proxied", "/next-integrations/", "return 404;"),
        ("html-as-script", "/analytics.js/", "default_type text/html; return 200 <html>;"),
        ("post-turned-to-get", "/v1/batch", "return 301 https://www.shop.test$request_uri;"),
        ("api-not-proxied", "/v1/import", "return 404;"),
        ("origin-failed", "/v1/t", "return 502;"),
        ("host-forwarded", "/v1/", "return 403;"),
        ("query-dropped", "/v1/pixel/", "proxy_pass http://ORIGIN$uri;"),
        ("post-turned-to-get", "/v1/import", "proxy_pass http://ORIGIN; proxy_method GET;"),
        (
            "post-cached",
            "/v1/track",
            (
                "proxy_pass http://ORIGIN; proxy_cache one; proxy_cache_methods POST; "
                "proxy_cache_valid 200 1m; proxy_cache_key $uri;"
            ),
        ),
    ],
)
async def test_a_wrong_location_of_nginx_is_named(
    tmp_path: Path, cause: str, path: str, line: str
) -> None:
    locations = f"location {path} {{ {line} }} location / {{ proxy_pass http://ORIGIN; }}"
    results = await check(tmp_path, locations)

    assert {one.cause for one in results if one.cause} == {cause}
