"""The DNS ports as they really are: the resolver's probes, with this installation's settings."""

import asyncio
from collections.abc import Mapping, Sequence

from firstparty.config.addresses import Address, parse_address
from firstparty.config.settings import Settings
from firstparty.model.certificates import DnsChallenge
from firstparty.resolver.caa import CaaFound, probe_caa
from firstparty.resolver.observed import OwnAnswer, ParentAnswer
from firstparty.resolver.own import fetch_txt, probe_own_servers
from firstparty.resolver.parent import probe_parent
from firstparty.resolver.pointing import PointingAnswer, probe_hosts


class PublicDns:
    """A DnsProbe, and what a challenge probe asks of our nameservers."""

    def __init__(
        self,
        *,
        stub_zones: Mapping[str, Sequence[Address]],
        allow_private: bool,
        servers: Sequence[Address],
        service_domain: str,
    ) -> None:
        """``servers`` are all of ours, as this machine reaches them."""
        self._service_domain = service_domain
        self._stub_zones = stub_zones
        self._allow_private = allow_private
        self._servers = servers

    async def ask_parent(self, name: str) -> ParentAnswer:
        """See DnsProbe."""
        return await probe_parent(
            name, stub_zones=self._stub_zones, allow_private=self._allow_private
        )

    async def ask_pointing(self, hosts: Sequence[str]) -> PointingAnswer:
        """See DnsProbe."""
        return await probe_hosts(
            hosts, stub_zones=self._stub_zones, allow_private=self._allow_private
        )

    async def ask_caa(self, hosts: Sequence[str]) -> tuple[CaaFound, ...]:
        """See DnsProbe. Of the targets, our own servers are asked."""
        return await probe_caa(
            hosts,
            stub_zones={**self._stub_zones, self._service_domain: self._servers},
            allow_private=self._allow_private,
        )

    async def ask_own_servers(self, apex: str, hosts: Sequence[str]) -> OwnAnswer:
        """See DnsProbe."""
        return await probe_own_servers(apex, hosts, servers=self._servers)

    async def are_served(self, challenges: Sequence[DnsChallenge]) -> bool:
        """Whether every server of ours answers every one of these TXT values now."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                (one, group.create_task(fetch_txt(one.owner_name, servers=self._servers)))
                for one in challenges
            ]
        return all(
            bool(task.result()) and all(one.value in answer.values for answer in task.result())
            for one, task in tasks
        )


def build_public_dns(settings: Settings) -> PublicDns:
    """The probes that these settings mean."""
    return PublicDns(
        stub_zones={
            zone: tuple(parse_address(text, key="resolver.stub_zones") for text in texts)
            for zone, texts in settings.resolver.stub_zones.items()
        },
        allow_private=settings.resolver.allow_private,
        service_domain=settings.service.domain,
        servers=tuple(
            parse_address(text, key="nameserver.check") for text in settings.nameserver.check
        ),
    )
