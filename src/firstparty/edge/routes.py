"""The two route tables of the edge as Envoy messages: which host goes to which cluster.

Hosts are listed one by one, never as patterns: a name that was not given to us reaches nothing.
Field numbers are those of Envoy 1.40's api/envoy/config/route/v3/{route,route_components}.proto
and api/envoy/config/core/v3/base.proto.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from firstparty.edge.hot import MAX_BODY_BYTES, Hot, HotAnswer
from firstparty.edge.protobuf import Field, Kind, Table, encode
from firstparty.edge.xds import ROUTES_TYPE, Resource

HTTPS_ROUTES: Final = "https"  # names of the route tables, as the listeners ask for them
HTTP_ROUTES: Final = "http"
CDN_CLUSTER: Final = "cdn"
INGEST_CLUSTER: Final = "ingest"
ACME_CLUSTER: Final = "acme"
CONSOLE_CLUSTER: Final = "console"
CHALLENGE_PREFIX: Final = "/.well-known/acme-challenge/"  # RFC 8555 §8.3
STANDARD_HTTPS_PORT: Final = 443

_NOTHING_HOT: Final[Hot] = MappingProxyType({})
_OVERWRITE: Final = 2  # HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_PERMANENT_REDIRECT: Final = 4  # RedirectAction.PERMANENT_REDIRECT, status 308
_TIMEOUT_SECONDS: Final = 30
_STREAM_SECONDS: Final = 3_600  # then its pages open the next
_PREVIOUS_HOSTS: Final = (
    "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
)
# A first-party host gets every cookie of the customer's whole site, login session included.
_SECRETS: Final = ("cookie",)

_UINT32_VALUE: Final[Table] = {"value": Field(1, Kind.UNSIGNED)}
_DURATION: Final[Table] = {"seconds": Field(1, Kind.UNSIGNED)}
_ANY: Final[Table] = {"type_url": Field(1, Kind.TEXT), "value": Field(2, Kind.BYTES)}
_HEADER: Final[Table] = {"key": Field(1, Kind.TEXT), "value": Field(2, Kind.TEXT)}
_HEADER_OPTION: Final[Table] = {
    "header": Field(1, _HEADER),
    "append_action": Field(3, Kind.UNSIGNED),
}
_HOST_PREDICATE: Final[Table] = {"name": Field(1, Kind.TEXT), "typed_config": Field(3, _ANY)}
_RETRY_POLICY: Final[Table] = {
    "retry_on": Field(1, Kind.TEXT),
    "num_retries": Field(2, _UINT32_VALUE),
    "retry_host_predicate": Field(5, _HOST_PREDICATE, repeated=True),
    "host_selection_retry_max_attempts": Field(6, Kind.UNSIGNED),
}
_ROUTE_ACTION: Final[Table] = {
    "cluster": Field(1, Kind.TEXT),
    "timeout": Field(8, _DURATION),
    "retry_policy": Field(9, _RETRY_POLICY),
}
_REDIRECT: Final[Table] = {
    "response_code": Field(3, Kind.UNSIGNED),
    "https_redirect": Field(4, Kind.BOOL),
    "port_redirect": Field(8, Kind.UNSIGNED),
}
_DATA_SOURCE: Final[Table] = {"inline_bytes": Field(2, Kind.BYTES)}
_DIRECT_RESPONSE: Final[Table] = {
    "status": Field(1, Kind.UNSIGNED),
    "body": Field(2, _DATA_SOURCE),
}
_STRING_MATCH: Final[Table] = {"exact": Field(1, Kind.TEXT), "contains": Field(7, Kind.TEXT)}
_HEADER_MATCH: Final[Table] = {
    "name": Field(1, Kind.TEXT),
    "present_match": Field(7, Kind.BOOL),
    "invert_match": Field(8, Kind.BOOL),
    "string_match": Field(13, _STRING_MATCH),
}
_MATCH: Final[Table] = {
    "prefix": Field(1, Kind.TEXT),
    "path": Field(2, Kind.TEXT),
    "headers": Field(6, _HEADER_MATCH, repeated=True),
}
_ROUTE: Final[Table] = {
    "match": Field(1, _MATCH),
    "route": Field(2, _ROUTE_ACTION),
    "redirect": Field(3, _REDIRECT),
    "direct_response": Field(7, _DIRECT_RESPONSE),
    "response_headers_to_add": Field(10, _HEADER_OPTION, repeated=True),
    "name": Field(14, Kind.TEXT),
}
_VIRTUAL_HOST: Final[Table] = {
    "name": Field(1, Kind.TEXT),
    "domains": Field(2, Kind.TEXT, repeated=True),
    "routes": Field(3, _ROUTE, repeated=True),
    "response_headers_to_remove": Field(11, Kind.TEXT, repeated=True),
    "request_headers_to_remove": Field(13, Kind.TEXT, repeated=True),
}
ROUTE_CONFIGURATION: Final[Table] = {
    "name": Field(1, Kind.TEXT),
    "virtual_hosts": Field(2, _VIRTUAL_HOST, repeated=True),
    "response_headers_to_remove": Field(5, Kind.TEXT, repeated=True),
    "request_headers_to_add": Field(6, _HEADER_OPTION, repeated=True),
    "max_direct_response_body_size_bytes": Field(11, _UINT32_VALUE),
}


def build_https_routes(
    *,
    cdn_hosts: Iterable[str],
    api_hosts: Iterable[str],
    console_hosts: Iterable[str] = (),
    hot: Hot = _NOTHING_HOT,
) -> Resource:
    """Where a request over TLS goes. A host MUST be in one of the lists, once.

    ``hot`` are answers for CDN hosts that Envoy gives by itself.

    Envoy refuses a whole table in which a host comes twice.
    """
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
    cdn, api = (
        {"cluster": cluster, "timeout": {"seconds": _TIMEOUT_SECONDS}, "retry_policy": retry}
        for cluster in (CDN_CLUSTER, INGEST_CLUSTER)
    )
    of_nobody = (*_SECRETS, "authorization")
    known = set(cdn_hosts := list(cdn_hosts))
    by_host: dict[str, list[dict[str, Any]]] = {}
    for (host, path), answer in hot.items():
        if host in known:
            by_host.setdefault(host, []).append(_hot_route(path, answer))
    console = {"cluster": CONSOLE_CLUSTER, "timeout": {"seconds": _STREAM_SECONDS}}
    hosts = [
        # The script needs no credentials of anybody.
        _virtual_host(
            "cdn",
            (host for host in cdn_hosts if host not in by_host),
            [{"route": cdn}],
            remove=of_nobody,
        ),
        *(
            _virtual_host(f"cdn {host}", [host], [*routes, {"route": cdn}], remove=of_nobody)
            for host, routes in by_host.items()
        ),
        _virtual_host("api", api_hosts, [{"route": api}]),
        # Its pages need their cookies, and have streams that last.
        _virtual_host("console", console_hosts, [{"route": console}], keeps_cookies=True),
        _virtual_host("none", ["*"], [_not_found()]),
    ]
    return _route_configuration(HTTPS_ROUTES, hosts)


def build_http_routes(*, hosts: Iterable[str], https_port: int) -> Resource:
    """What port 80 does: http-01 for any host that has a live challenge, else 308 to HTTPS.

    308 keeps method and body; an SDK turns a POST answered by 301 into a GET and loses it.
    """
    redirect: dict[str, Any] = {"https_redirect": True, "response_code": _PERMANENT_REDIRECT}
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
            _virtual_host("none", ["*"], [challenge, _not_found()]),
        ],
    )


def _hot_route(path: str, answer: HotAnswer) -> dict[str, Any]:
    """For a GET that takes gzip and has no copy yet; the CDN role answers the others."""
    return {
        "match": {
            "path": path,
            "headers": [
                {"name": ":method", "string_match": {"exact": "GET"}},
                {"name": "accept-encoding", "string_match": {"contains": "gzip"}},
                {
                    "name": "accept-encoding",
                    "string_match": {"contains": "gzip;q=0"},
                    "invert_match": True,
                },
                {"name": "if-none-match", "present_match": True, "invert_match": True},
            ],
        },
        "direct_response": {"status": 200, "body": {"inline_bytes": answer.body}},
        "response_headers_to_add": [
            {
                "header": {"key": name, "value": value.replace("%", "%%")},
                "append_action": _OVERWRITE,
            }
            for name, value in answer.headers
        ],
    }


def _not_found() -> dict[str, Any]:
    return {"direct_response": {"status": 404}}


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


def _route_configuration(name: str, virtual_hosts: Iterable[Mapping[str, Any]]) -> Resource:
    peer = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
    body = encode(
        {
            "name": name,
            # Envoy refuses a virtual host without names.
            "virtual_hosts": [host for host in virtual_hosts if host["domains"]],
            "max_direct_response_body_size_bytes": {"value": MAX_BODY_BYTES},
            "response_headers_to_remove": ("server", "x-powered-by"),
            "request_headers_to_add": [
                {"header": {"key": header, "value": peer}, "append_action": _OVERWRITE}
                for header in ("x-real-ip", "x-forwarded-for")
            ],
        },
        ROUTE_CONFIGURATION,
    )
    version = sha256(body).hexdigest()
    return Resource(type_url=ROUTES_TYPE, name=name, version=version, body=body)
