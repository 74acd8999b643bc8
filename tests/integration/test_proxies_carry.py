"""Every generated configuration that runs here passes our own check, and carries real clients."""

import asyncio
import base64
import hashlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firstparty.outbound.http import SafeClient
from firstparty.proxies.check import check_proxy
from firstparty.proxies.result import Status
from firstparty.proxies.target import parse_target
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.html import build_html_snippet
from tests.fakes.cdn_rig import ANALYTICS_NEXT, WITHOUT_NPM
from tests.fakes.chromium import CHROMIUM, WITHOUT_CHROMIUM, running_tab
from tests.fakes.proxied_origin import FILES, WRITE_KEY, Origin
from tests.fakes.proxy_rig import API_HOST, CDN_HOST, ProxyRig, running_proxy
from tests.fakes.proxy_servers import SERVERS, has
from tests.fakes.tls_front import SITE_HOST, running_front

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not ANALYTICS_NEXT.exists(), reason=WITHOUT_NPM),
]
REPOSITORY = Path(__file__).parents[2]
SDK = REPOSITORY / "tests" / "sdk"
TYPES = {"identify", "track", "page", "screen", "group", "alias"}
# Next.js is half a gigabyte, and not every registry has the packages that its lock would name.
PROVIDERS = [
    pytest.param(name, marks=pytest.mark.optional_toolchain if name == "nextjs" else ())
    for name in SERVERS
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    rig: ProxyRig
    origin: Origin

    async def until(self, wanted: set[str]) -> list[dict[str, Any]]:
        """Every message that arrived, once all with these ids or events are among them."""
        async with asyncio.timeout(30):
            while not wanted <= {
                name
                for one in self.origin.messages
                for name in (one["messageId"], one.get("event"))
            }:
                await asyncio.sleep(0.02)
        return self.origin.messages


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=PROVIDERS, ids=[str(one) for one in SERVERS]
)
async def carrier(request: pytest.FixtureRequest) -> AsyncIterator[Carrier]:
    if not has(SERVERS[request.param][0]):
        pytest.skip(f"{SERVERS[request.param][0]} is not installed")
    origin = Origin(files=FILES | real_files())
    async with running_proxy(request.param, origin=origin) as rig:
        yield Carrier(rig=rig, origin=origin)


def real_files() -> dict[str, str]:
    """The library as npm has it, by the paths of a CDN."""
    folder = ANALYTICS_NEXT / "dist" / "umd"
    bundles = {
        f"/analytics-next/bundles/{file.name}": file.read_text()
        for file in folder.glob("*.bundle.*.js")
    }
    script = (folder / "standalone.js").read_text()
    return bundles | {f"/analytics.js/v1/{WRITE_KEY}/analytics.min.js": script}


async def resolve(_host: str) -> tuple[str, ...]:
    return ("127.0.0.1",)


async def test_our_own_check_finds_nothing_to_warn_of(carrier: Carrier) -> None:
    port = carrier.rig.machine.https_port
    # Next.js in its development mode compiles what is asked for the first time.
    await carrier.rig.send("GET", f"/v1/projects/{WRITE_KEY}/settings")
    target = parse_target(
        cdn=f"https://{CDN_HOST}:{port}",
        api=f"https://{API_HOST}:{port}/v1",
        write_key=WRITE_KEY,
    )
    assert target.api is not None
    plain_port = carrier.rig.machine.http_port
    results = await check_proxy(
        replace(target, api=replace(target.api, plain_port=plain_port)),
        SafeClient(
            allow_private=True,
            ca_pem=authorities(carrier.rig),
            resolve=resolve,
        ),
        now=datetime.now(UTC),
        nonce=carrier.rig.provider,
        report=lambda _: None,
        deadline=timedelta(seconds=30),  # a busy machine is no finding
    )

    assert [one for one in results if one.status is not Status.PASS] == []
    assert len(results) > 40


@pytest.mark.skipif(not CHROMIUM, reason=WITHOUT_CHROMIUM)
async def test_a_real_browser_loads_everything_and_loses_nothing(
    carrier: Carrier, tmp_path: Path
) -> None:
    facts = SnippetFacts(write_key=WRITE_KEY, cdn_host=CDN_HOST, api_host=API_HOST, alias="a/b")
    # As control/proxies.py has it: the settings of Segment's CDN say where Segment's API is.
    options = {
        "integrations": {"Segment.io": {"apiHost": facts.api_base, "protocol": "https"}},
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
    }
    snippet = build_html_snippet(facts, is_standard=True, load_options=options)
    port = carrier.rig.machine.https_port
    events = {f"Clicked {carrier.rig.provider} {number}" for number in range(20)}
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(running_front(tmp_path, cdn=None))
        flags = (
            f"--host-resolver-rules=MAP {SITE_HOST} 127.0.0.1:{site.port}, MAP * 127.0.0.1:{port}",
            f"--ignore-certificate-errors-spki-list={site.spki},{pin(carrier.rig)}",
        )
        site.page = f"<!doctype html><title>Shop</title>{snippet}"
        tab = await stack.enter_async_context(running_tab(*flags))
        await tab.page.goto(f"https://{SITE_HOST}/")
        for event in sorted(events):
            await tab.page.evaluate("event => window.analytics.track(event)", event)
        await tab.page.wait_for_function("() => window.analytics.initialized")
        messages = await carrier.until(events)
        mine = [one["event"] for one in messages if one.get("event") in events]

        assert sorted(mine) == sorted(events)
        assert tab.hosts == {SITE_HOST, CDN_HOST, API_HOST}
        assert [url for url in tab.urls if "/analytics-next/bundles/" in url]
        assert tab.complaints == []


@pytest.mark.parametrize("encoding", ["plain", "gzip"])
async def test_the_python_sdk_loses_nothing(carrier: Carrier, encoding: str) -> None:
    environment = {"REQUESTS_CA_BUNDLE": carrier.rig.machine.authorities}
    command = (sys.executable, str(SDK / "python_client.py"), WRITE_KEY, origin_of(carrier))

    await assert_arrived(carrier, await run(*command, encoding, **environment))


@pytest.mark.needs("node")
async def test_the_node_sdk_loses_nothing(carrier: Carrier) -> None:
    environment = {
        "NODE_EXTRA_CA_CERTS": carrier.rig.machine.authorities,
        "NODE_PATH": str(REPOSITORY / "node_modules"),
    }
    command = (str(shutil.which("node")), str(SDK / "node_client.cjs"), WRITE_KEY)

    await assert_arrived(carrier, await run(*command, origin_of(carrier), **environment))


async def assert_arrived(carrier: Carrier, ids: list[str]) -> None:
    await carrier.until(set(ids))
    arrived = [one for one in carrier.origin.messages if one["messageId"] in ids]

    assert sorted(one["messageId"] for one in arrived) == sorted(ids)
    assert {one["type"] for one in arrived} == TYPES


async def run(*command: str, **environment: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()

    assert process.returncode == 0, errors.decode()
    ids: list[str] = json.loads(out)
    return ids


def origin_of(carrier: Carrier) -> str:
    return f"https://{API_HOST}:{carrier.rig.machine.https_port}"


def authorities(rig: ProxyRig) -> str:
    return Path(rig.machine.authorities).read_text()


def pin(rig: ProxyRig) -> str:
    """The hash of the proxy's public key, by which Chromium takes its certificate."""
    certificate = x509.load_pem_x509_certificate(Path(rig.machine.certificate).read_bytes())
    key = certificate.public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
