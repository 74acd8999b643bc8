"""The two route tables of the edge as Envoy messages: which host goes to which cluster.

Hosts are listed one by one, never as patterns: a name that was not given to us reaches nothing.
Over TLS each is listed together with a name that its connection may have been opened for, so that
finding a host is also the proof that it belongs there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from firstparty.edge.connection import ASKED, CAME, CHECK, CLAIMS, GATE_FILTER, pair_asked
from firstparty.edge.hot import MAX_BODY_BYTES, Hot
from firstparty.edge.hot_routes import build_hot_routes
from firstparty.edge.protobuf import encode
from firstparty.edge.route_messages import (
    OVERWRITE,
    PERMANENT_REDIRECT,
    ROUTE_CONFIGURATION,
    without_filters,
)
from firstparty.edge.xds import ROUTES_TYPE, Resource

HTTPS_ROUTES: Final = "https"  # names of the route tables, as the listeners ask for them
HTTP_ROUTES: Final = "http"
CDN_CLUSTER: Final = "cdn"
INGEST_CLUSTER: Final = "ingest"
ACME_CLUSTER: Final = "acme"
CONSOLE_CLUSTER: Final = "console"
CHALLENGE_PREFIX: Final = "/.well-known/acme-challenge/"  # RFC 8555 §8.3
STANDARD_HTTPS_PORT: Final = 443

HostNames = Mapping[str, tuple[str, ...]]  # hosts, and the server names that may ask for each
_NO_HOSTS: Final[HostNames] = MappingProxyType({})
_NOTHING_HOT: Final[Hot] = MappingProxyType({})
_TIMEOUT_SECONDS: Final = 30
_STREAM_SECONDS: Final = 3_600  # then its pages open the next
_PREVIOUS_HOSTS: Final = (
    "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
)
# A first-party host gets every cookie of the customer's whole site, login session included.
_SECRETS: Final = ("cookie",)


def build_https_routes(
    *,
    cdn_hosts: HostNames,
    api_hosts: HostNames,
    console_hosts: HostNames = _NO_HOSTS,
    hot: Hot = _NOTHING_HOT,
) -> Resource:
    """Where a request over TLS goes. A host MUST be in one of the mappings, once.

    Each host comes with the server names whose connections may ask for it: those of its domain,
    since browsers use one connection for all names of a certificate. ``hot`` are answers for CDN
    hosts that Envoy gives by itself.

    Envoy refuses a whole table in which a host comes twice.
    """
    cdn, api = (_action(cluster) for cluster in (CDN_CLUSTER, INGEST_CLUSTER))
    of_nobody = (*_SECRETS, "authorization")
    by_host: dict[str, list[dict[str, Any]]] = {}
    for (host, path), answers in hot.items():
        if host in cdn_hosts:
            by_host.setdefault(host, []).extend(build_hot_routes(path, answers))
    to_cdn = [_plain("GET", cdn), {"route": cdn}]
    console = {"cluster": CONSOLE_CLUSTER, "timeout": {"seconds": _STREAM_SECONDS}}
    hosts = [
        # The script needs no credentials of anybody.
        _virtual_host(
            "cdn",
            _pairs({host: names for host, names in cdn_hosts.items() if host not in by_host}),
            to_cdn,
            remove=of_nobody,
        ),
        *(
            _virtual_host(
                f"cdn {host}",
                _pairs({host: cdn_hosts[host]}),
                [*routes, *to_cdn],
                remove=of_nobody,
            )
            for host, routes in by_host.items()
        ),
        _virtual_host(
            "api",
            _pairs(api_hosts),
            [_plain("POST", api), _plain("GET", api), {"route": api}],
        ),
        # Its pages need their cookies, and have streams that last.
        _virtual_host("console", _pairs(console_hosts), [{"route": console}], keeps_cookies=True),
        _virtual_host(
            "elsewhere",
            _pairs(_find_neighbours(cdn_hosts, api_hosts, console_hosts)),
            [_respond(HTTPStatus.MISDIRECTED_REQUEST)],
        ),
        _virtual_host("none", ["*"], [_respond(HTTPStatus.NOT_FOUND)]),
    ]
    return _route_configuration(HTTPS_ROUTES, hosts, {"vhost_header": ASKED})


def _pairs(hosts: HostNames) -> list[str]:
    return [pair_asked(name, host) for host, names in hosts.items() for name in names]


def _find_neighbours(*tables: HostNames) -> HostNames:
    """Hosts under one name that do not share a certificate, each with the pattern for any name.

    The gate takes them for hosts of one domain. Envoy looks at patterns after the pairs that are
    good, so what it finds by one wants a connection of its own (RFC 9110 §15.5.20).
    """
    known = {host: names for table in tables for host, names in table.items()}
    shared: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for host, names in known.items():
        shared[host.partition(".")[2]].add(names)
    return {host: ("*",) for host in known if len(shared[host.partition(".")[2]]) > 1}


def _action(cluster: str) -> dict[str, Any]:
    retry = {
        # Only what cannot have reached a back end: a message must not be taken twice.
        "retry_on": "connect-failure,refused-stream,reset-before-request",
        "num_retries": {"value": 2},
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {"type_url": _PREVIOUS_HOSTS, "value": b""},
            }
        ],
        # Picks are random: with few, a retry meets the same dead process again now and then.
        "host_selection_retry_max_attempts": 20,
    }
    return {"cluster": cluster, "timeout": {"seconds": _TIMEOUT_SECONDS}, "retry_policy": retry}


def _plain(method: str, action: dict[str, Any]) -> dict[str, Any]:
    """For a request that the gate would let pass as it is: it is spared that, a fifth of its cost.

    What is not written so goes through the gate, on the route after these.
    """
    plain = [
        {"name": ":method", "string_match": {"exact": method}},
        {"name": ":authority", "string_match": {"safe_regex": {"regex": "[^A-Z]*"}}},
        {"name": CHECK, "present_match": True, "invert_match": True},
    ]
    return {
        "match": {"prefix": "/", "headers": plain},
        "route": action,
        "typed_per_filter_config": without_filters(GATE_FILTER),
    }


def build_http_routes(*, hosts: Iterable[str], https_port: int) -> Resource:
    """What port 80 does: http-01 for any host that has a live challenge, else 308 to HTTPS.

    308 keeps method and body; an SDK turns a POST answered by 301 into a GET and loses it.
    """
    redirect: dict[str, Any] = {"https_redirect": True, "response_code": PERMANENT_REDIRECT}
    if https_port != STANDARD_HTTPS_PORT:
        redirect["port_redirect"] = https_port
    # The server behind knows host and token of each challenge, so a host that is not in the
    # table yet may be validated; all else there is 404.
    challenge = {
        "match": {"prefix": CHALLENGE_PREFIX},
        "route": {"cluster": ACME_CLUSTER, "timeout": {"seconds": _TIMEOUT_SECONDS}},
    }
    return _route_configuration(
        HTTP_ROUTES,
        [
            _virtual_host("known", hosts, [challenge, {"redirect": redirect}]),
            _virtual_host("none", ["*"], [challenge, _respond(HTTPStatus.NOT_FOUND)]),
        ],
    )


def _respond(status: HTTPStatus) -> dict[str, Any]:
    return {"direct_response": {"status": status}}


def _virtual_host(
    name: str,
    hosts: Iterable[str],
    routes: Iterable[Mapping[str, Any]],
    *,
    remove: tuple[str, ...] = _SECRETS,
    keeps_cookies: bool = False,
) -> dict[str, Any]:
    everything = {"match": {"prefix": "/"}, "name": name}
    return {
        "name": name,
        "domains": sorted(hosts),
        "routes": [{**everything, **route} for route in routes],
        "request_headers_to_remove": () if keeps_cookies else remove,
        "response_headers_to_remove": () if keeps_cookies else ("set-cookie",),
    }


def _route_configuration(
    name: str,
    virtual_hosts: Iterable[Mapping[str, Any]],
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Resource:
    peer = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
    body = encode(
        {
            "name": name,
            # Envoy refuses a virtual host without names.
            "virtual_hosts": [host for host in virtual_hosts if host["domains"]],
            "max_direct_response_body_size_bytes": {"value": MAX_BODY_BYTES},
            "response_headers_to_remove": ("server", "x-powered-by"),
            "request_headers_to_add": [
                {"header": {"key": header, "value": peer}, "append_action": OVERWRITE}
                for header in ("x-real-ip", "x-forwarded-for")
            ],
            "request_headers_to_remove": (ASKED, CAME, *CLAIMS),
            **more,
        },
        ROUTE_CONFIGURATION,
    )
    version = sha256(body).hexdigest()
    return Resource(type_url=ROUTES_TYPE, name=name, version=version, body=body)
