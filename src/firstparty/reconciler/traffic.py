"""What still arrives at a domain's hosts, and what waits to be delivered: values of a port."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsTraffic:
    """Requests of visitors and SDKs since the domain began to drain."""

    cdn_requests: int = 0
    api_requests: int = 0
    last_request_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficAnswer:
    """None: could not be asked."""

    hosts: HostsTraffic | None
    undelivered: int | None

    @property
    def is_complete(self) -> bool:
        """Whether both are known."""
        return self.hosts is not None and self.undelivered is not None
