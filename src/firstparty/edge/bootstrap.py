"""Envoy's bootstrap: all that is fixed while it runs. Routes and certificates come over ADS."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from firstparty.config.addresses import Address
from firstparty.edge.connection import EXTENSION
from firstparty.edge.listeners import build_http_listener, build_https_listener
from firstparty.edge.routes import ACME_CLUSTER, CDN_CLUSTER, CONSOLE_CLUSTER, INGEST_CLUSTER

_ADS_CLUSTER: Final = "ads"
_MONITOR: Final = "envoy.resource_monitors."
_HEAP: Final = _MONITOR + "fixed_heap"
# Back ends MUST keep idle connections longer than this, or a request may meet a closing one.
UPSTREAM_IDLE_SECONDS: Final = 30

# Counting costs a fifth of a request's CPU: only what is exported is counted.
_STATS: Final = (
    *(f"http.https.downstream_rq_{kind}" for kind in ("total", "2xx", "3xx", "4xx", "5xx")),
    *(f"http.http.downstream_rq_{kind}" for kind in ("total", "2xx", "3xx", "4xx", "5xx")),
    "http.https.downstream_rq_active",
    "http.https.downstream_cx_total",
    "http.https.downstream_cx_active",
    "listener.https.ssl.handshake",
    "listener.https.ssl.connection_error",
    "listener_local_ratelimit.https.rate_limited",
    "listener_local_ratelimit.http.rate_limited",
    *(
        f"cluster.{cluster}.{counter}"
        for cluster in (INGEST_CLUSTER, CDN_CLUSTER)
        for counter in (
            "upstream_rq_total",
            "upstream_rq_retry",
            "upstream_rq_timeout",
            "upstream_rq_pending_overflow",
            "upstream_cx_connect_fail",
        )
    ),
    "control_plane.connected_state",
    "control_plane.rate_limit_enforced",
    "server.live",
    "server.uptime",
    "server.memory_allocated",
    "overload.envoy.overload_actions.stop_accepting_requests.active",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLayout:
    """Where one Envoy listens and where its neighbours are.

    All sockets are Unix sockets in directories of mode 0700; ``admin_socket`` is Envoy's own and
    made by it, mode 0600. ``keeps_claims``: back ends get X-Forwarded-For as it came, as
    ``x-claimed``, to believe those that they trust. ``max_heap_bytes`` is for Envoy alone: 66 MiB
    and 24 KiB for each host.
    """

    https: Address
    http: Address
    ads_socket: Path
    acme_socket: Path
    cdn_socket: Path
    ingest_sockets: tuple[Path, ...]
    admin_socket: Path
    console_socket: Path
    console_host: str = ""
    keeps_claims: bool = False
    has_access_log: bool = False
    max_heap_bytes: int = 2 * 1024**3
    max_connections: int = 20_000


def build_bootstrap(layout: EdgeLayout) -> dict[str, Any]:
    """The bootstrap as a tree to be written as JSON for ``envoy --config-path FILE.json``."""
    # By default Envoy comes to wait half a minute between its tries to connect.
    retry = {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}}
    service = {"envoy_grpc": {"cluster_name": _ADS_CLUSTER, "retry_policy": retry}}
    has_log = layout.has_access_log
    return {
        "node": {"id": "edge", "cluster": "edge"},
        "admin": {"address": {"pipe": {"path": str(layout.admin_socket), "mode": 0o600}}},
        "stats_config": {
            "stats_matcher": {"inclusion_list": {"patterns": [{"exact": name} for name in _STATS]}}
        },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [service],
            }
        },
        "static_resources": {
            "listeners": [
                build_https_listener(
                    layout.https,
                    has_access_log=has_log,
                    console_host=layout.console_host,
                    keeps_claims=layout.keeps_claims,
                ),
                build_http_listener(layout.http, has_access_log=has_log),
            ],
            "clusters": [
                _http_cluster(INGEST_CLUSTER, layout.ingest_sockets),
                _http_cluster(CDN_CLUSTER, (layout.cdn_socket,)),
                _http_cluster(ACME_CLUSTER, (layout.acme_socket,)),
                _http_cluster(CONSOLE_CLUSTER, (layout.console_socket,)),
                _ads_cluster(layout.ads_socket),
            ],
        },
        "layered_runtime": {"layers": [_RUNTIME]},
        "overload_manager": _overload_manager(layout),
    }


# Close connections that reset too many streams; one request at a time from each in a round.
_RUNTIME: Final = {
    "name": "limits",
    "static_layer": {
        "overload.premature_reset_total_stream_count": 100,
        "http.max_requests_per_io_cycle": 1,
    },
}


def _cluster(name: str, sockets: tuple[Path, ...], protocol: dict[str, Any]) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": {"pipe": {"path": str(path)}}}} for path in sockets]
    options = EXTENSION + "upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": name,
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "typed_extension_protocol_options": {
            options.removeprefix("type.googleapis.com/"): {"@type": options, **protocol}
        },
    }


def _http_cluster(name: str, sockets: tuple[Path, ...]) -> dict[str, Any]:
    protocol = {
        "common_http_protocol_options": {"idle_timeout": f"{UPSTREAM_IDLE_SECONDS}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    limits = {
        "max_connections": 4_096,
        "max_pending_requests": 4_096,
        "max_requests": 8_192,
        "max_retries": 256,
    }
    return {
        **_cluster(name, sockets, protocol),
        "circuit_breakers": {"thresholds": [limits]},
        # A panic would spread requests over endpoints that are known to be dead.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
    }


def _ads_cluster(socket: Path) -> dict[str, Any]:
    keepalive = {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
    protocol = {"explicit_http_config": {"http2_protocol_options": keepalive}}
    return _cluster(_ADS_CLUSTER, (socket,), protocol)


def _overload_manager(layout: EdgeLayout) -> dict[str, Any]:
    """Shed load before memory or sockets run out."""
    resource = EXTENSION + "resource_monitors."
    heap = {
        "@type": resource + "fixed_heap.v3.FixedHeapConfig",
        "max_heap_size_bytes": layout.max_heap_bytes,
    }
    connections = {
        "@type": resource + "downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": layout.max_connections,
    }
    thresholds = {"shrink_heap": 0.9, "stop_accepting_requests": 0.97}
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {"name": _HEAP, "typed_config": heap},
            {"name": _MONITOR + "global_downstream_max_connections", "typed_config": connections},
        ],
        "actions": [
            {
                "name": f"envoy.overload_actions.{action}",
                "triggers": [{"name": _HEAP, "threshold": {"value": value}}],
            }
            for action, value in thresholds.items()
        ],
    }
