"""The two route tables of the edge as Envoy messages: which host goes to which cluster.

Hosts are listed one by one, never as patterns: a name that was not given to us reaches nothing.
Field numbers are those of Envoy 1.40's api/envoy/config/route/v3/{route,route_components}.proto
and api/envoy/config/core/v3/base.proto.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

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
_DIRECT_RESPONSE: Final[Table] = {"status": Field(1, Kind.UNSIGNED)}
_MATCH: Final[Table] = {"prefix": Field(1, Kind.TEXT)}
_ROUTE: Final[Table] = {
    "match": Field(1, _MATCH),
    "route": Field(2, _ROUTE_ACTION),
    "redirect": Field(3, _REDIRECT),
    "direct_response": Field(7, _DIRECT_RESPONSE),
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
}


def build_https_routes(
    *, cdn_hosts: Iterable[str], api_hosts: Iterable[str], console_hosts: Iterable[str] = ()
) -> Resource:
    """Where a request over TLS goes. A host MUST be in one of the lists, once.

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
    console = {"cluster": CONSOLE_CLUSTER, "timeout": {"seconds": _STREAM_SECONDS}}
    hosts = [
        # The script needs no credentials of anybody.
        _virtual_host("cdn", cdn_hosts, [{"route": cdn}], remove=(*_SECRETS, "authorization")),
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
