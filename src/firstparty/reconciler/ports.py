"""What the reconciler needs from outside, as narrow as it needs it.

None of these raises for what the other side does: that is in the values. Each call is bounded in
time by whoever implements it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from firstparty.model.certificates import Challenge
from firstparty.proxies.result import Result
from firstparty.proxies.target import Target
from firstparty.reconciler.choice import Authorities
from firstparty.reconciler.probed import HostsAnswer, ProbeTarget
from firstparty.reconciler.traffic import TrafficAnswer
from firstparty.resolver.caa import CaaFound
from firstparty.resolver.observed import OwnAnswer, ParentAnswer
from firstparty.resolver.pointing import PointingAnswer


class DnsProbe(Protocol):
    """What the DNS says of a domain, asked of the authoritative servers themselves."""

    async def ask_parent(self, name: str) -> ParentAnswer:
        """What every server of the zone above says; MUST NOT come from a recursive cache."""

    async def ask_pointing(self, hosts: Sequence[str]) -> PointingAnswer:
        """What every server of the zone of each host has there; MUST NOT come from a cache."""

    async def ask_caa(self, hosts: Sequence[str]) -> Sequence[CaaFound]:
        """The CAA records that a CA would find for each host."""

    async def ask_own_servers(self, apex: str, hosts: Sequence[str]) -> OwnAnswer:
        """What every server of ours says of a zone of ours."""


class ChallengeProbe(Protocol):
    """Whether a CA would find its challenges."""

    async def are_served(self, challenges: Sequence[Challenge]) -> bool:
        """Whether *every* server or edge of ours answers *every* one of these now."""


class EdgeProbe(Protocol):
    """What both hosts of a domain answer over HTTPS, through the edge."""

    async def ask_hosts(self, target: ProbeTarget) -> HostsAnswer:
        """Ask every address of the edge for both hosts."""


class TrafficProbe(Protocol):
    """What still arrives at a domain, and what of it is not delivered."""

    async def ask_traffic(self, domain_id: str, sources: Sequence[int]) -> TrafficAnswer:
        """Requests since the domain drains, and undelivered messages of these sources."""


class ProxyProbe(Protocol):
    """Checks of a proxy that an owner runs, by the suite of ``proxy check``."""

    async def check(self, target: Target) -> tuple[Result, ...]:
        """Every result; MUST contact public addresses only, and end within seconds."""


def _nothing() -> None:
    """What there is to close by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One of each. ``close`` gives back what they hold, once nobody calls them any more."""

    dns: DnsProbe
    challenges: ChallengeProbe
    authorities: Authorities
    edge: EdgeProbe
    traffic: TrafficProbe
    proxies: ProxyProbe
    close: Callable[[], None] = _nothing
