"""An owner's own nginx in front of the default hosts: right by our own check, messages and all."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firstparty.config.addresses import parse_address
from firstparty.outbound.http import SafeClient
from firstparty.proxies.check import check_proxy
from firstparty.proxies.generate import generate
from firstparty.proxies.model import Machine, Proxy, Upstream
from firstparty.proxies.requests import MESSAGE_ID_PREFIX
from firstparty.proxies.result import Result, Status
from firstparty.proxies.target import Place, Target
from tests.fakes.ports import free_ports
from tests.fakes.proxy_servers import running_server
from tests.fakes.proxy_upstream import server_context
from tests.pairs import TestAuthority
from tests.running import RunningDemo, until

CDN_HOST, API_HOST = "evs.proxied.test", "api.proxied.test"


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not below pytest's folder: nginx gives up root, and that folder is root's alone.
    folder = Path(tempfile.mkdtemp(prefix="firstparty-proxy-"))
    folder.chmod(0o755)
    (folder / "cache").mkdir()
    (folder / "cache").chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.needs("nginx")
async def test_a_generated_proxy_carries_a_source_to_the_default_hosts(
    demo: RunningDemo, folder: Path
) -> None:
    service, write_key = demo.report["service"], demo.source("javascript")["write_key"]
    nameserver = parse_address(demo.report["nameserver"], key="nameserver")
    authority = TestAuthority()
    server_context(folder / "proxy", authority, CDN_HOST, API_HOST)
    http_port, https_port = free_ports(2)
    shutil.copy(demo.ca, folder / "authority.crt")
    proxy = Proxy(
        cdn_host=CDN_HOST,
        api_host=API_HOST,
        cdn=Upstream(host=service["cdn_host"], port=demo.https_port),
        api=Upstream(host=service["api_host"], port=demo.https_port),
        write_key=write_key,
        machine=Machine(
            http_port=http_port,
            https_port=https_port,
            certificate=f"{folder}/proxy.pem",
            key=f"{folder}/proxy.key",
            authorities=f"{folder}/authority.crt",
            cache=f"{folder}/cache",
            resolvers=((nameserver.host, nameserver.port),),
        ),
    )
    for file in generate("nginx", proxy).files:
        (folder / file.path).write_text(file.text)
    async with running_server("nginx", folder, https_port):
        results = await check(https_port, http_port, write_key, authority)

    assert [one for one in results if one.status is not Status.PASS] == []
    nonce = f"{MESSAGE_ID_PREFIX}story-"
    wanted = {f"{nonce}{name}" for name in ("body", "header", "gzip")}
    assert await asyncio.to_thread(until, lambda: wanted <= demo.received_ids())


async def check(
    https_port: int, http_port: int, write_key: str, authority: TestAuthority
) -> tuple[Result, ...]:
    async def resolve(_host: str) -> tuple[str, ...]:
        return ("127.0.0.1",)

    return await check_proxy(
        Target(
            cdn=Place(host=CDN_HOST, port=https_port, prefix=""),
            api=Place(host=API_HOST, port=https_port, prefix="/v1", plain_port=http_port),
            write_key=write_key,
        ),
        SafeClient(allow_private=True, ca_pem=authority.pem, resolve=resolve),
        now=datetime.now(UTC),
        nonce="story",
        report=lambda _: None,
        deadline=timedelta(seconds=30),  # a busy machine is no finding
    )
