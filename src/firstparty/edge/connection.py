"""How Envoy treats an HTTP connection: limits, what it refuses, which headers go behind.

Envoy's defaults are for a mesh of trusted services; these are for strangers
(https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge).
"""

import json
from typing import Any, Final

from firstparty.edge.local_replies import build_local_replies

EXTENSION: Final = "type.googleapis.com/envoy.extensions."
_MAX_BODY_BYTES: Final = 600 * 1024  # above ingest's own 512 KiB, so that it answers first

# Names of filters, for the routes that do without one.
GATE_FILTER: Final = "gate"
BODY_FILTER: Final = "body"

# What goes from one of our own steps to the next, and never further. A visitor's are removed.
ASKED: Final = "x-asked"  # of a request over TLS: for which name, and for which host
CAME: Final = "x-came"  # X-Forwarded-For as it came, where no back end is told
CHECK: Final = "firstparty-check"
_CLAIMED_BEHIND: Final = "x-claimed"  # the same where back ends are told
_ARRIVED: Final = "x-arrived"

# The gate, for what routes.py does not know to be plain. Browsers send requests for both hosts of a
# domain over one connection, since both are on its certificate. Any other host than the one the
# handshake was for is another domain's.
GATE: Final = """\
local allowed = {GET = true, HEAD = true, POST = true, OPTIONS = true}
local also = {PUT = true, PATCH = true, DELETE = true}
local function parent(name) return (name:lower():gsub("^[^.]*%.", "")) end
function envoy_on_request(handle)
  local headers = handle:headers()
  local method, authority = headers:get(":method"), headers:get(":authority")
  local host = authority:lower()
  if not allowed[method] and not (also[method] and host == CONSOLE) then
    handle:respond({[":status"] = "405", ["allow"] = "GET, HEAD, POST, OPTIONS"}, "")
    return
  end
  if SECURE and parent(host) ~= parent(handle:streamInfo():requestedServerName()) then
    handle:respond({[":status"] = "421"}, "")
    return
  end
  if authority ~= host then headers:replace(":authority", host) end
  -- A check of a custom proxy names the host that it asked, and wants to know what arrives: behind
  -- us it is gone. Whoever asked our own host came without a proxy.
  local asked = headers:get("firstparty-check")
  if asked and asked ~= host then
    local function told(name, header) return headers:get(header) and name or "no-" .. name end
    local arrived = told("cookie", "cookie") .. ", " .. told("forwarded-for", CLAIMED)
    headers:replace("x-arrived", arrived)
  end
end
"""

# What a stranger may say about who he is and what he asked for; Envoy's own are set afterwards.
# These are dropped by the route; those that Envoy itself listens to, by their prefixes, at once.
CLAIMS: Final = (
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-http-method-override",
    "true-client-ip",
    "x-request-id",
    "cf-connecting-ip",
    "fastly-client-ip",
    "via",
)
_CLAIMED_PREFIXES: Final = ("x-forwarded-", "x-envoy-")


def build_connection_manager(
    *,
    name: str,
    is_secure: bool,
    has_access_log: bool = False,
    console_host: str = "",
    keeps_claims: bool = False,
) -> dict[str, Any]:
    """The network filter that speaks HTTP on the listener ``name``, whose routes come over ADS.

    ``is_secure``: TLS ends here, so HTTP/2 is spoken and the server name is compared.
    ``console_host`` is where REST's further methods are let through.
    ``keeps_claims``: X-Forwarded-For as it came goes behind as ``x-claimed``.
    """
    manager: dict[str, Any] = {
        "@type": EXTENSION + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "AUTO" if is_secure else "HTTP1",
        **_IDENTITY,
        **_LIMITS,
        "local_reply_config": build_local_replies(),
        "early_header_mutation_extensions": [
            _mutate_early(is_secure=is_secure, keeps_claims=keeps_claims)
        ],
        "http_filters": _http_filters(
            is_secure=is_secure, console_host=console_host, keeps_claims=keeps_claims
        ),
        "rds": {
            "route_config_name": name,
            # Without routes the listener stays shut: a 404 would be a lie.
            "config_source": {
                "ads": {},
                "resource_api_version": "V3",
                "initial_fetch_timeout": "0s",
            },
        },
    }
    if has_access_log:
        manager["access_log"] = [_access_log()]
    return {"name": "http", "typed_config": manager}


_IDENTITY: Final = {
    "use_remote_address": True,
    # Nobody is one of our own services. An empty list would mean every private address (measured
    # with 1.40), so it has an address that no visitor can have (RFC 5737).
    "internal_address_config": {"cidr_ranges": [{"address_prefix": "192.0.2.1", "prefix_len": 32}]},
    "generate_request_id": False,
    "server_header_transformation": "PASS_THROUGH",
    "strip_any_host_port": True,
    "strip_trailing_host_dot": True,
    "normalize_path": True,
    "merge_slashes": True,
    "path_with_escaped_slashes_action": "REJECT_REQUEST",  # a redirect would lose POST bodies
}

_LIMITS: Final = {
    "max_request_headers_kb": 32,
    "request_headers_timeout": "10s",
    "request_timeout": "30s",
    "stream_idle_timeout": "60s",
    "common_http_protocol_options": {
        "idle_timeout": "75s",
        "max_headers_count": 100,
        "headers_with_underscores_action": "REJECT_REQUEST",
        "max_requests_per_connection": 10_000,
    },
    # nginx asks what it proxies by HTTP/1.0, unless told otherwise; an SDK drops what gets a 426.
    "http_protocol_options": {"accept_http_10": True},
    "http2_protocol_options": {
        "max_concurrent_streams": 100,
        "initial_stream_window_size": 65_536,
        "initial_connection_window_size": 1_048_576,
    },
}


def pair_asked(server_name: str, host: str) -> str:
    """What ``ASKED`` says of a request for ``host`` on a connection for ``server_name``."""
    return f"{server_name}|{host}"


def _claims_header(*, keeps_claims: bool) -> str:
    return _CLAIMED_BEHIND if keeps_claims else CAME


def _mutate_early(*, is_secure: bool, keeps_claims: bool) -> dict[str, Any]:
    # First of all what was claimed is kept, under a name that a visitor cannot have set.
    kept = [{"remove": header} for header in (_CLAIMED_BEHIND, CAME, _ARRIVED, ASKED)]
    kept.append(_put(_claims_header(keeps_claims=keeps_claims), "%REQ(x-forwarded-for)%"))
    if is_secure:
        kept.append(_put(ASKED, pair_asked("%REQUESTED_SERVER_NAME%", "%REQ(:AUTHORITY)%")))
    prefixes = [
        {"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in _CLAIMED_PREFIXES
    ]
    return {
        "name": "claims",
        "typed_config": {
            "@type": EXTENSION + "http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": kept + prefixes,
        },
    }


def _put(header: str, value: str) -> dict[str, Any]:
    action = "OVERWRITE_IF_EXISTS_OR_ADD"
    return {"append": {"header": {"key": header, "value": value}, "append_action": action}}


def _http_filters(
    *, is_secure: bool, console_host: str, keeps_claims: bool
) -> list[dict[str, Any]]:
    claimed = _claims_header(keeps_claims=keeps_claims)
    values = ", ".join(map(json.dumps, (is_secure, console_host, claimed)))
    gate = f"local SECURE, CONSOLE, CLAIMED = {values}\n{GATE}"
    return [
        # First, so that not even a preflight passes under a wrong name.
        _filter(
            GATE_FILTER, "filters.http.lua.v3.Lua", default_source_code={"inline_string": gate}
        ),
        _filter(BODY_FILTER, "filters.http.buffer.v3.Buffer", max_request_bytes=_MAX_BODY_BYTES),
        _filter(
            "router",
            "filters.http.router.v3.Router",
            suppress_envoy_headers=True,
            dynamic_stats=False,
        ),
    ]


def _filter(name: str, kind: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": EXTENSION + kind, **config}}


def _access_log() -> dict[str, Any]:
    """One JSON line a request on stdout.

    No address, no cookie, no query, and no path either: a script's path has its write key.
    """
    fields = {
        "at": "%START_TIME%",
        "event": "http.request",
        "host": "%REQ(:AUTHORITY)%",
        "method": "%REQ(:METHOD)%",
        "route": "%ROUTE_NAME%",
        "protocol": "%PROTOCOL%",
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "received_bytes": "%BYTES_RECEIVED%",
        "sent_bytes": "%BYTES_SENT%",
        "milliseconds": "%DURATION%",
    }
    return {
        "name": "stdout",
        "typed_config": {
            "@type": EXTENSION + "access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"json_format": fields},
        },
    }
