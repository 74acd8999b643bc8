"""The outside world of a reconciler, in memory: a parent zone, our servers, an edge, a clock.

Our servers and the edge read the feed of the store, as the real ones do, only at once. Every call
gives way before and after it acts, so that a test can end a reconciler at each of these points.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from firstparty.config.addresses import Address
from firstparty.model.certificates import Challenge, DnsChallenge, HttpChallenge
from firstparty.model.feed import EdgeDomain, Targets, Topic, Zone
from firstparty.model.feed import HttpChallenge as PublishedChallenge
from firstparty.proxies.causes import list_causes
from firstparty.proxies.result import Result, Status
from firstparty.proxies.suite import list_checks
from firstparty.proxies.target import Target
from firstparty.reconciler.choice import Authorities, Choice, build_authorities
from firstparty.reconciler.ports import Ports, ProxyProbe
from firstparty.reconciler.probed import Check, HostAnswer, HostsAnswer, ProbeTarget
from firstparty.reconciler.traffic import HostsTraffic, TrafficAnswer
from firstparty.resolver.caa import CaaFound
from firstparty.resolver.observed import (
    OwnAnswer,
    OwnServerAnswer,
    ParentAnswer,
    ServerAnswer,
    Transport,
    Trouble,
)
from firstparty.resolver.pointing import HostAtServer, HostPointing, PointingAnswer
from firstparty.store import feed
from firstparty.store.engine import Store
from tests.builders import NOW
from tests.fakes.authority import AuthorityInMemory

SERVER = Address("127.0.0.1", 53)
SERVICE_DOMAIN = "fp.test"


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


@dataclass
class Parent:
    """What the parent's two servers say of each name."""

    nameservers: dict[str, frozenset[str]] = field(default_factory=dict)
    cnames: dict[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ds: frozenset[str] = frozenset()
    is_silent: bool = False
    dead: frozenset[str] = frozenset()  # "ns2": this one alone is silent
    behind: frozenset[str] = frozenset()  # this one has nothing yet
    asked: int = 0
    below: tuple[str, ...] = ()  # names below each, while nothing is delegated

    def answer(self, name: str) -> ParentAnswer:
        self.asked += 1
        parent = name.partition(".")[2]
        servers = tuple(
            ServerAnswer(
                server=f"{which}.{parent}",
                address=SERVER,
                nameservers=frozenset()
                if is_silent or which in self.behind
                else self._nameservers(name),
                ds=self.ds,
                names_below=() if self._nameservers(name) else self.below,
                has_names_below=bool(self.below) and not self._nameservers(name),
                trouble=Trouble.TIMEOUT if is_silent else None,
            )
            for which in ("ns1", "ns2")
            for is_silent in [self.is_silent or which in self.dead]
        )
        return ParentAnswer(name=name, parent=parent, servers=servers)

    def _nameservers(self, name: str) -> frozenset[str]:
        return self.nameservers.get(name, frozenset())


def _own_answer(apex: str, serial: int | None, missing: tuple[str, ...]) -> OwnAnswer:
    answers = tuple(
        OwnServerAnswer(address=SERVER, transport=transport, serial=serial, missing_hosts=missing)
        for transport in Transport
    )
    return OwnAnswer(apex=apex, servers=answers)


@dataclass
class ProxiesInMemory:
    """A proxy that passes everything but what ``faults`` says, by check: its status and cause."""

    faults: dict[str, tuple[Status, str]] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)

    async def check(self, target: Target) -> tuple[Result, ...]:
        await asyncio.sleep(0)
        self.targets.append(target)
        return tuple(self._result(check.name, check.title) for check in list_checks(target))

    def _result(self, check: str, title: str) -> Result:
        status, cause = self.faults.get(check, (Status.PASS, None))
        return Result(
            check=check,
            title=title,
            status=status,
            sentence=list_causes()[cause].sentence if cause else "",
            cause=cause,
            fix=list_causes()[cause].fix_for(None) if cause else "",
            request="",
            answer="",
        )


@dataclass
class Outside:
    store: Store
    clock: Clock = field(default_factory=Clock)
    parent: Parent = field(default_factory=Parent)
    edge_trouble: str | None = None
    refused_versions: tuple[str, ...] = ()  # of Analytics.js, at the edge
    are_servers_behind: bool = False
    caa: tuple[CaaFound, ...] = ()
    choices: tuple[Choice, ...] = ()
    traffic: TrafficAnswer = field(
        default_factory=lambda: TrafficAnswer(hosts=HostsTraffic(), undelivered=0)
    )
    proxies: ProxyProbe = field(default_factory=ProxiesInMemory)

    def __post_init__(self) -> None:
        self.authority = AuthorityInMemory(clock=self.clock)

    def ports(self) -> Ports:
        return Ports(
            dns=self,
            challenges=self,
            authorities=self.authorities(),
            edge=self,
            traffic=self,
            proxies=self.proxies,
        )

    def authorities(self) -> Authorities:
        """The one that there is, unless a test has made others of its own."""
        return build_authorities(self.choices or (Choice(authority=self.authority),))

    async def ask_parent(self, name: str) -> ParentAnswer:
        await asyncio.sleep(0)
        answer = self.parent.answer(name)
        await asyncio.sleep(0)
        return answer

    async def ask_pointing(self, hosts: Sequence[str]) -> PointingAnswer:
        await asyncio.sleep(0)
        return PointingAnswer(
            hosts=tuple(
                HostPointing(
                    host=host,
                    zone="shop.test",
                    servers=(
                        HostAtServer(
                            server="ns1.shop.test",
                            address=SERVER,
                            cnames=self.parent.cnames.get(host, ()),
                            addresses=self.parent.addresses.get(host, ()),
                            trouble=Trouble.TIMEOUT if self.parent.is_silent else None,
                        ),
                    ),
                )
                for host in hosts
            )
        )

    async def ask_own_servers(self, apex: str, hosts: Sequence[str]) -> OwnAnswer:
        await asyncio.sleep(0)
        if apex == SERVICE_DOMAIN:
            there = {name for targets in self.targets() for name in targets.names}
            there |= {name for zone in self._zones() if zone.apex == apex for name in zone.hosts}
            return _own_answer(apex, 1, tuple(host for host in hosts if host not in there))
        zone = self._zone(apex)
        missing = tuple(host for host in hosts if zone is None or host not in zone.hosts)
        return _own_answer(apex, None if zone is None else zone.serial, missing)

    async def ask_caa(self, hosts: Sequence[str]) -> tuple[CaaFound, ...]:
        await asyncio.sleep(0)
        return self.caa or tuple(CaaFound(host=host) for host in hosts)

    async def ask_traffic(self, domain_id: str, sources: Sequence[int]) -> TrafficAnswer:
        del domain_id, sources
        await asyncio.sleep(0)
        return self.traffic

    async def are_served(self, challenges: Sequence[Challenge]) -> bool:
        await asyncio.sleep(0)
        served = all(map(self._is_served, challenges))
        await asyncio.sleep(0)
        return served and not self.are_servers_behind

    async def ask_hosts(self, target: ProbeTarget) -> HostsAnswer:
        await asyncio.sleep(0)
        is_up = any(
            domain.cdn_host == target.cdn_host and domain.certificate is not None
            for domain in self.edge_domains()
        )
        trouble = self.edge_trouble or (None if is_up else "the TLS handshake was refused")
        kinds = (
            (Check.SETTINGS, target.cdn_host, "application/json; charset=utf-8"),
            (Check.SCRIPT, target.cdn_host, "text/javascript"),
            (Check.PREFLIGHT, target.api_host, ""),
            (Check.MESSAGE, target.api_host, "application/json"),
            *([(Check.LIBRARY, target.cdn_host, "")] if target.is_default else []),
        )
        return HostsAnswer(
            answers=tuple(
                HostAnswer(
                    check=check,
                    host=host,
                    address="127.0.0.1:443",
                    status=0 if trouble else 200,
                    content_type=content_type,
                    trouble=trouble,
                    refused=self.refused_versions if check is Check.LIBRARY else (),
                )
                for check, host, content_type in kinds
            )
        )

    def _is_served(self, challenge: Challenge) -> bool:
        match challenge:
            case DnsChallenge():
                texts = [zone.txt for zone in self._zones()]
                texts += [one.challenges for one in self.targets()]
                return any(challenge.value in one.get(challenge.owner_name, ()) for one in texts)
            case HttpChallenge():
                return (challenge.host, challenge.token, challenge.key_authorization) in [
                    (one.host, one.token, one.key_authorization) for one in self.tokens()
                ]

    def tokens(self) -> list[PublishedChallenge]:
        bodies = self._bodies(Topic.CHALLENGES)
        return [msgspec.json.decode(body, type=PublishedChallenge) for body in bodies]

    def targets(self) -> list[Targets]:
        return [msgspec.json.decode(body, type=Targets) for body in self._bodies(Topic.TARGETS)]

    def edge_domains(self) -> list[EdgeDomain]:
        return [msgspec.json.decode(body, type=EdgeDomain) for body in self._bodies(Topic.EDGE)]

    def _zones(self) -> list[Zone]:
        if self.are_servers_behind:
            return []
        return [msgspec.json.decode(body, type=Zone) for body in self._bodies(Topic.ZONES)]

    def _zone(self, apex: str) -> Zone | None:
        return next((zone for zone in self._zones() if zone.apex == apex), None)

    def _bodies(self, topic: Topic) -> list[bytes]:
        with self.store.read() as connection:
            changes = feed.read_changes(connection, [topic], after=0)
        return [entry.body for entry in changes if entry.body is not None]
