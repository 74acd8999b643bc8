"""The two children that are not Python: nats-server and Envoy, their files and commands."""

import json

from firstparty.config.addresses import parse_address, parse_networks
from firstparty.config.settings import Settings
from firstparty.edge.bootstrap import EdgeLayout, build_bootstrap
from firstparty.edge.envoy import build_command as build_envoy_command
from firstparty.edge.envoy import fetch_version, find_envoy
from firstparty.model.default_hosts import console_host
from firstparty.serve.own_server import describe_own_server
from firstparty.serve.processes import EDGE_STOPS, LOG_STOPS, Process, Role
from firstparty.serve.sockets import check_port_is_free
from firstparty.spool.server import build_command as build_nats_command
from firstparty.spool.server import build_config, build_environment, find_nats_server


def plan_nats(settings: Settings) -> Process:
    """Our own nats-server. Raises ConfigError when its port is taken."""
    check_port_is_free(settings.spool.listen, "spool.listen")
    file = settings.state_directory / "nats.conf"
    file.write_text(
        build_config(
            listen=parse_address(settings.spool.listen, key="spool.listen"),
            store=describe_own_server(settings).directory,
            max_bytes=settings.spool.max_bytes,
        )
    )
    command = build_nats_command(find_nats_server(), file)
    return Process(
        name=Role.NATS,
        roles=(Role.NATS,),
        command=tuple(command),
        environment=build_environment(memory_bytes=settings.spool.memory_bytes),
        stop_rank=LOG_STOPS,
        restart_request=describe_own_server(settings).restart_request,
    )


async def plan_envoy(settings: Settings) -> Process:
    """Envoy with its bootstrap file. Raises ConfigError for a taken port or an unusable Envoy."""
    check_port_is_free(settings.edge.https, "edge.https")
    check_port_is_free(settings.edge.http, "edge.http")
    binary = find_envoy(settings.edge.envoy)
    await fetch_version(binary)
    run = settings.run_directory
    layout = EdgeLayout(
        https=parse_address(settings.edge.https, key="edge.https"),
        http=parse_address(settings.edge.http, key="edge.http"),
        ads_socket=run / "ads.sock",
        acme_socket=run / "acme.sock",
        cdn_socket=run / "cdn.sock",
        ingest_sockets=tuple(run / f"ingest-{n}.sock" for n in range(settings.ingest_processes)),
        admin_socket=run / "envoy.sock",
        console_socket=run / "console.sock",
        console_host=console_host(settings.service.domain),
        keeps_claims=bool(
            parse_networks(settings.edge.trusted_proxies, key="edge.trusted_proxies")
        ),
    )
    file = settings.state_directory / "envoy.json"
    file.write_text(json.dumps(build_bootstrap(layout), indent=1))
    command = build_envoy_command(binary=binary, bootstrap=file)
    return Process(
        name=Role.ENVOY, roles=(Role.ENVOY,), command=tuple(command), stop_rank=EDGE_STOPS
    )
