"""What a custom proxy must do, whoever runs it: its hosts, its upstreams, what it may keep.

Requests are told apart by their path alone, so that one host does what two do, and a page that
mixes the two hosts up still works.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import idna

from firstparty.errors import Refused
from firstparty.model.hosts import HTTPS_PORT, build_authority

SEGMENT_CDN: Final = "cdn.segment.com"  # of both regions
SEGMENT_APIS: Final[Mapping[str, str]] = MappingProxyType(
    {"us": "api.segment.io", "eu": "events.eu1.segmentapis.com"}
)
# Everything that a browser asks the CDN for; what else begins with /v1/ is the Tracking API.
CDN_FOLDERS: Final = ("analytics.js", "v1/projects", "analytics-next", "next-integrations")
# Names that change with their content: the only answers that a proxy may keep.
KEPT_FOLDERS: Final = ("analytics-next/bundles",)
# SDKs send batches of up to 512,000 bytes; some count before they encode.
MAX_BODY_BYTES: Final = 1024 * 1024
_MAX_NAME_OCTETS: Final = 253  # RFC 1035 §2.3.4, without the root


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """An HTTPS origin that requests go on to. ``host`` is also the name in the handshake."""

    host: str
    port: int = HTTPS_PORT

    @property
    def authority(self) -> str:
        """What the Host header says."""
        return build_authority(self.host, self.port)

    @property
    def origin(self) -> str:
        """``https://api.segment.io``, no slash at the end."""
        return f"https://{self.authority}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a server of the owner's own listens and keeps its files.

    ``certificate`` and ``key`` are PEM files; HAProxy wants both in ``certificate``. Empty
    ``certificate``: each provider's usual place, or a certificate that it gets by itself.
    ``authorities`` is the file with the certificate authorities to trust. ``resolvers`` are
    ``(address, port)``.
    """

    http_port: int = 80
    https_port: int = HTTPS_PORT
    certificate: str = ""
    key: str = ""
    authorities: str = "/etc/ssl/certs/ca-certificates.crt"
    cache: str = "/var/cache/firstparty"
    resolvers: tuple[tuple[str, int], ...] = (("1.1.1.1", 53), ("8.8.8.8", 53))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One proxy to generate. ``is_cached``: whether it keeps hashed bundles itself."""

    cdn_host: str
    api_host: str
    cdn: Upstream
    api: Upstream
    write_key: str
    is_cached: bool = True
    machine: Machine = field(default_factory=Machine)

    def __post_init__(self) -> None:
        for name, host in (("cdn_host", self.cdn_host), ("api_host", self.api_host)):
            if host in {self.cdn.host, self.api.host}:
                raise Refused(
                    "proxy-of-itself",
                    f"{host} is where the proxy sends its requests: give it a name of its own.",
                    field=name,
                )

    @property
    def hosts(self) -> tuple[str, ...]:
        """The CDN host and the API host; one, where both are the same."""
        return tuple(dict.fromkeys((self.cdn_host, self.api_host)))


def parse_proxy_host(text: str, *, field: str) -> str:
    """The host name in lower-case A-labels; raises Refused, naming ``field``."""
    typed = text.strip().removesuffix(".")
    try:
        host = idna.encode(typed, uts46=True, transitional=False, std3_rules=True).decode().lower()
    except idna.IDNAError:
        host = ""
    is_name = "." in host and not host.replace(".", "").isdigit() and len(host) <= _MAX_NAME_OCTETS
    if not is_name:
        raise Refused(
            "proxy-host-invalid",
            f"{typed!r} is not a host name: type it without https:// and without a path, "
            "for example evs.shop.com.",
            field=field,
        )
    return host
