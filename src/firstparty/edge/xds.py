"""The messages of Envoy's delta discovery protocol that this edge speaks, and no others.

Field numbers are those of Envoy 1.40's ``api/`` folder: envoy/service/discovery/v3/discovery.proto,
envoy/extensions/transport_sockets/tls/v3/{secret,common}.proto, google/rpc/status.proto. Written
by hand because the published packages of generated messages either claim the module ``envoy``,
which the Envoy binary's own package needs, or cost 20 MiB of memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from firstparty.edge.protobuf import Field, Kind, Table, decode, encode

METHOD: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
SECRET_TYPE: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a name
ROUTES_TYPE: Final = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"

_VERSION_ENTRY: Final[Table] = {"key": Field(1, Kind.TEXT), "value": Field(2, Kind.TEXT)}
_STATUS: Final[Table] = {"code": Field(1, Kind.UNSIGNED), "message": Field(2, Kind.TEXT)}
DELTA_REQUEST: Final[Table] = {
    "type_url": Field(2, Kind.TEXT),
    "resource_names_subscribe": Field(3, Kind.TEXT, repeated=True),
    "resource_names_unsubscribe": Field(4, Kind.TEXT, repeated=True),
    "initial_resource_versions": Field(5, _VERSION_ENTRY, repeated=True),
    "response_nonce": Field(6, Kind.TEXT),
    "error_detail": Field(7, _STATUS),
}
_ANY: Final[Table] = {"type_url": Field(1, Kind.TEXT), "value": Field(2, Kind.BYTES)}
_RESOURCE: Final[Table] = {
    "version": Field(1, Kind.TEXT),
    "resource": Field(2, _ANY),
    "name": Field(3, Kind.TEXT),
}
DELTA_RESPONSE: Final[Table] = {
    "resources": Field(2, _RESOURCE, repeated=True),
    "type_url": Field(4, Kind.TEXT),
    "nonce": Field(5, Kind.TEXT),
    "removed_resources": Field(6, Kind.TEXT, repeated=True),
}
_DATA_SOURCE: Final[Table] = {"inline_bytes": Field(2, Kind.BYTES)}
_TLS_CERTIFICATE: Final[Table] = {
    "certificate_chain": Field(1, _DATA_SOURCE),
    "private_key": Field(2, _DATA_SOURCE),
}
SECRET: Final[Table] = {
    "name": Field(1, Kind.TEXT),
    "tls_certificate": Field(2, _TLS_CERTIFICATE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaRequest:
    """What Envoy asks, and what it says about our earlier response.

    With ``response_nonce`` it acknowledges that response; with ``error`` too, it rejects it.
    ``known`` are names and versions that it has from an earlier stream.
    """

    type_url: str = ""
    subscribe: Sequence[str] = ()
    unsubscribe: Sequence[str] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    response_nonce: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One named thing of one type. Equal versions mean equal content; ``body`` is its message."""

    type_url: str
    name: str
    version: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaResponse:
    """One resource, or the names of resources that are not (or no longer) there."""

    type_url: str
    nonce: str
    resource: Resource | None = None
    removed: Sequence[str] = ()


def parse_request(data: bytes) -> DeltaRequest:
    """A DeltaDiscoveryRequest. Raises protobuf.Broken."""
    message = decode(data, DELTA_REQUEST)
    error = message.get("error_detail")
    return DeltaRequest(
        type_url=message.get("type_url", ""),
        subscribe=message.get("resource_names_subscribe", ()),
        unsubscribe=message.get("resource_names_unsubscribe", ()),
        known={
            entry.get("key", ""): entry.get("value", "")
            for entry in message.get("initial_resource_versions", ())
        },
        response_nonce=message.get("response_nonce", ""),
        error=None if error is None else error.get("message", "no reason given"),
    )


def build_response(response: DeltaResponse) -> bytes:
    """A DeltaDiscoveryResponse."""
    message: dict[str, object] = {"type_url": response.type_url, "nonce": response.nonce}
    if response.resource is not None:
        body = {"type_url": response.resource.type_url, "value": response.resource.body}
        message["resources"] = [
            {
                "name": response.resource.name,
                "version": response.resource.version,
                "resource": body,
            }
        ]
    if response.removed:
        message["removed_resources"] = response.removed
    return encode(message, DELTA_RESPONSE)


def build_secret(name: str, *, chain: bytes, key: bytes) -> bytes:
    """A Secret with a certificate chain (leaf first) and its private key, both PEM."""
    certificate = {
        "certificate_chain": {"inline_bytes": chain},
        "private_key": {"inline_bytes": key},
    }
    return encode({"name": name, "tls_certificate": certificate}, SECRET)
