"""Envoy's route table as messages: the fields that we set, by number.

Field numbers are those of Envoy 1.40's api/envoy/config/route/v3/{route,route_components}.proto,
api/envoy/config/core/v3/base.proto and api/envoy/type/matcher/v3/{string,regex}.proto.
"""

from typing import Any, Final

from firstparty.edge.protobuf import Field, Kind, Table, encode

APPEND: Final = 0  # HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
OVERWRITE: Final = 2  # HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
PERMANENT_REDIRECT: Final = 4  # RedirectAction.PERMANENT_REDIRECT, status 308

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
_REGEX: Final[Table] = {"regex": Field(2, Kind.TEXT)}
_STRING_MATCH: Final[Table] = {"exact": Field(1, Kind.TEXT), "safe_regex": Field(5, _REGEX)}
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
_FILTER_CONFIG: Final[Table] = {"disabled": Field(3, Kind.BOOL)}
_FILTER_CONFIG_TYPE: Final = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
_FILTER_ENTRY: Final[Table] = {"key": Field(1, Kind.TEXT), "value": Field(2, _ANY)}
_ROUTE: Final[Table] = {
    "match": Field(1, _MATCH),
    "route": Field(2, _ROUTE_ACTION),
    "redirect": Field(3, _REDIRECT),
    "direct_response": Field(7, _DIRECT_RESPONSE),
    "response_headers_to_add": Field(10, _HEADER_OPTION, repeated=True),
    "typed_per_filter_config": Field(13, _FILTER_ENTRY, repeated=True),
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
    "request_headers_to_remove": Field(8, Kind.TEXT, repeated=True),
    "max_direct_response_body_size_bytes": Field(11, _UINT32_VALUE),
    "vhost_header": Field(18, Kind.TEXT),
}


def without_filters(*names: str) -> list[dict[str, Any]]:
    """The ``typed_per_filter_config`` of a route whose requests these filters do not see."""
    off = {"type_url": _FILTER_CONFIG_TYPE, "value": encode({"disabled": True}, _FILTER_CONFIG)}
    return [{"key": name, "value": off} for name in names]
