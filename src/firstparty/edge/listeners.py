"""Envoy's two listeners: HTTPS with certificates fetched on demand, and plain HTTP.

On-demand certificates work over ADS in its delta form alone, with session resumption off
(measured with Envoy 1.40: every other way hangs, or opens a stream for each name).
"""

from typing import Any, Final

from firstparty.config.addresses import Address
from firstparty.edge.connection import EXTENSION, build_connection_manager
from firstparty.edge.routes import HTTP_ROUTES, HTTPS_ROUTES

_TLS: Final = EXTENSION + "transport_sockets.tls."
_NO_SERVER_NAME: Final = "_no_sni_"  # asked for when a client names no host; never a host of ours
_NEW_CONNECTIONS: Final = {"max_tokens": 20_000, "tokens_per_fill": 5_000, "fill_interval": "1s"}


def build_https_listener(
    address: Address, *, has_access_log: bool, console_host: str = "", keeps_claims: bool = False
) -> dict[str, Any]:
    """TLS by server name, then HTTP/1.1 or HTTP/2. A name without certificate gets an alert."""
    listener = _build_listener(HTTPS_ROUTES, address)
    listener["listener_filters"].append(
        {
            "name": "server_name",
            "typed_config": {"@type": EXTENSION + "filters.listener.tls_inspector.v3.TlsInspector"},
        }
    )
    manager = build_connection_manager(
        name=HTTPS_ROUTES,
        is_secure=True,
        has_access_log=has_access_log,
        console_host=console_host,
        keeps_claims=keeps_claims,
    )
    listener["filter_chains"] = [
        {
            "filters": [manager],
            "transport_socket_connect_timeout": "10s",
            "transport_socket": {"name": "tls", "typed_config": _tls_context()},
        }
    ]
    return listener


def build_http_listener(address: Address, *, has_access_log: bool) -> dict[str, Any]:
    """Plain HTTP/1.1: http-01 validations and redirects."""
    listener = _build_listener(HTTP_ROUTES, address)
    manager = build_connection_manager(
        name=HTTP_ROUTES, is_secure=False, has_access_log=has_access_log
    )
    listener["filter_chains"] = [{"filters": [manager]}]
    return listener


def _build_listener(name: str, address: Address) -> dict[str, Any]:
    return {
        "name": name,
        "stat_prefix": name,
        "address": {
            "socket_address": {
                "address": address.host,
                "port_value": address.port,
                "ipv4_compat": address.host == "::",  # all addresses of both families
            }
        },
        "per_connection_buffer_limit_bytes": 65_536,
        "listener_filters_timeout": "5s",
        "listener_filters": [
            {
                "name": "new_connections",  # before TLS: an unknown name costs us 0.2 ms
                "typed_config": {
                    "@type": EXTENSION + "filters.listener.local_ratelimit.v3.LocalRateLimit",
                    "stat_prefix": name,
                    "token_bucket": _NEW_CONNECTIONS,
                },
            }
        ],
    }


def _tls_context() -> dict[str, Any]:
    mapper = {
        "name": "server_name",
        "typed_config": {
            "@type": _TLS + "cert_mappers.sni.v3.SNI",
            "default_value": _NO_SERVER_NAME,
        },
    }
    selector = {
        "name": "on_demand",
        "typed_config": {
            "@type": _TLS + "cert_selectors.on_demand_secret.v3.Config",
            "config_source": {"ads": {}, "resource_api_version": "V3"},
            "certificate_mapper": mapper,
        },
    }
    # Mozilla's "intermediate" configuration, version 6.0.
    parameters = {
        "tls_minimum_protocol_version": "TLSv1_2",
        "ecdh_curves": ["X25519MLKEM768", "X25519", "P-256", "P-384"],
        "cipher_suites": [
            "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]",
            "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]",
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-RSA-AES256-GCM-SHA384",
        ],
    }
    return {
        "@type": _TLS + "v3.DownstreamTlsContext",
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": parameters,
            "custom_tls_certificate_selector": selector,
        },
    }
