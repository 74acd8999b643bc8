"""The default hosts of a source: where its visitors are sent who are not on its domain.

Segment's own where the messages go to Segment; else the hosts of the service domain, which serve
every source.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from firstparty.model.hosts import HTTPS_PORT, build_authority

SEGMENT_CDN: Final = "cdn.segment.com"
# Its tracking APIs by region; both regions share the CDN.
SEGMENT_APIS: Final = MappingProxyType(
    {
        "https://api.segment.io": "api.segment.io",
        "https://events.eu1.segmentapis.com": "events.eu1.segmentapis.com",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultHosts:
    """A CDN host and an API host, with the port that both are reached at."""

    cdn_host: str
    api_host: str
    https_port: int
    is_segment: bool

    @property
    def cdn_origin(self) -> str:
        """``https://cdn.example.com``, no slash at the end."""
        return f"https://{build_authority(self.cdn_host, self.https_port)}"

    @property
    def api_origin(self) -> str:
        """``https://api.example.com``."""
        return f"https://{build_authority(self.api_host, self.https_port)}"

    @property
    def api_base(self) -> str:
        """``api.example.com/v1``, no scheme."""
        return f"{build_authority(self.api_host, self.https_port)}/v1"


def service_hosts(service_domain: str) -> tuple[str, str]:
    """The CDN host and the API host of the service domain."""
    return f"cdn.{service_domain}", f"api.{service_domain}"


def console_host(service_domain: str) -> str:
    """The console's host."""
    return f"console.{service_domain}"


def build_default_hosts(*, upstream: str, service_domain: str, https_port: int) -> DefaultHosts:
    """The default hosts of a source whose messages go to ``upstream`` (an origin)."""
    segment_api = SEGMENT_APIS.get(upstream)
    if segment_api is not None:
        return DefaultHosts(
            cdn_host=SEGMENT_CDN, api_host=segment_api, https_port=HTTPS_PORT, is_segment=True
        )
    cdn_host, api_host = service_hosts(service_domain)
    return DefaultHosts(
        cdn_host=cdn_host, api_host=api_host, https_port=https_port, is_segment=False
    )
