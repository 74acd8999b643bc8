import json
import socket
from pathlib import Path

import pytest

from firstparty.config.addresses import Address, ConfigError
from firstparty.edge.bootstrap import EdgeLayout, build_bootstrap
from firstparty.edge.envoy import OLDEST_ENVOY, build_command, fetch_version, find_envoy
from tests.integration.edge_ends import is_served, run
from tests.integration.edge_rig import CDN, running_edge


async def test_the_packaged_envoy_is_new_enough() -> None:
    assert await fetch_version(find_envoy("")) >= OLDEST_ENVOY


@pytest.mark.parametrize("binary", ["/bin/true", "/etc/passwd"])
async def test_another_program_is_refused(binary: str) -> None:
    with pytest.raises(ConfigError, match=r"edge\.envoy"):
        await fetch_version(Path(binary))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "127.0.0.1", "::1"])
@pytest.mark.parametrize("has_access_log", [False, True])
async def test_envoy_accepts_the_bootstrap_for_any_address(
    tmp_path: Path, host: str, *, has_access_log: bool
) -> None:
    layout = EdgeLayout(
        https=Address(host, 8443),
        http=Address(host, 8080),
        ads_socket=Path("/run/ads.sock"),
        acme_socket=Path("/run/acme.sock"),
        cdn_socket=Path("/run/cdn.sock"),
        ingest_sockets=(Path("/run/ingest-0.sock"),),
        admin_socket=Path("/run/admin.sock"),
        console_socket=Path("/run/console.sock"),
        has_access_log=has_access_log,
    )
    file = tmp_path / "envoy.json"
    file.write_text(json.dumps(build_bootstrap(layout)))
    command = build_command(binary=find_envoy(""), bootstrap=file)

    assert "OK" in await run(*command, "--mode", "validate")


async def test_listening_on_all_addresses_takes_visitors_of_both_families() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with running_edge("::") as edge:
        edge.publish_live()
        over_ipv4 = await edge.request_until(is_served, CDN)
        over_ipv6 = await edge.request(CDN, over="::1")

    assert over_ipv4.json()["headers"]["x-real-ip"] == "127.0.0.1"
    assert over_ipv6.json()["headers"]["x-real-ip"] == "::1"
