"""Down the tree of zones, label by label, asking only servers that are authoritative.

Each ancestor of the name is asked about on its own, so that a cut is seen also where one server
has the zones on both sides of it, and no referral can lead anywhere but down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import dns.exception
import dns.name
import dns.rdatatype

from firstparty.config.addresses import Address
from firstparty.resolver.observed import Transport, Trouble
from firstparty.resolver.probe import Prober
from firstparty.resolver.referral import Cut, Lame, NoCut, as_text, read_addresses, read_cut

MAX_REFERRALS: Final = 8
_TRIED_SERVERS: Final = 3  # for a step of the way one good answer is enough


class NotFound(Exception):
    """The way down ends: no server of a zone on it gave an answer. ``trouble`` says why."""

    def __init__(self, zone: str, trouble: Trouble) -> None:
        super().__init__(f"no server of {zone or 'the root'} answered: {trouble}")
        self.trouble = trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneServers:
    """A zone, the names of its servers, and the addresses known so far of each."""

    apex: dns.name.Name
    names: tuple[str, ...]
    addresses: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)


class Walk:
    """One walk (and the side walks for nameservers without glue); remembers what it learned."""

    def __init__(
        self,
        prober: Prober,
        *,
        stub_zones: Mapping[str, tuple[Address, ...]],
        roots: Mapping[str, tuple[str, ...]],
        port: int,
    ) -> None:
        self._prober = prober
        self._port = port
        starts = [
            ZoneServers(
                apex=dns.name.from_text(apex),
                names=tuple(str(address) for address in addresses),
                addresses={str(address): (address,) for address in addresses},
            )
            for apex, addresses in stub_zones.items()
        ]
        root = ZoneServers(
            apex=dns.name.root,
            names=tuple(roots),
            addresses={name: self._with_port(texts) for name, texts in roots.items()},
        )
        self._starts = [*starts, root]
        self._zones: dict[dns.name.Name, ZoneServers | None] = {}  # None: no cut at this name
        self._addresses: dict[str, tuple[Address, ...]] = {}
        self._in_progress: set[str] = set()

    async def find_zone_above(self, name: dns.name.Name) -> ZoneServers:
        """The zone that ``name`` is in, or would be cut from; raises NotFound."""
        parent = name.parent()
        zone = max(
            (start for start in self._starts if parent.is_subdomain(start.apex)),
            key=lambda start: len(start.apex),
        )
        referrals = 0
        for depth in range(len(zone.apex) + 1, len(name)):
            ancestor = name.split(depth)[1]
            if ancestor not in self._zones:
                self._zones[ancestor] = await self._step(zone, ancestor)
            below = self._zones[ancestor]
            if below is not None:
                zone, referrals = below, referrals + 1
            if referrals > MAX_REFERRALS:
                raise NotFound(as_text(zone.apex), Trouble.BUDGET)
        return zone

    async def find_addresses(self, zone: ZoneServers, server: str) -> tuple[Address, ...]:
        """Every address of one of the zone's servers; empty where none was found.

        Glue is taken as the zone above has it; a server without glue is looked up.
        """
        known = zone.addresses.get(server) or self._addresses.get(server)
        if known is not None:
            return known
        if server in self._in_progress:
            return ()  # two zones whose nameservers are each in the other's
        self._in_progress.add(server)
        try:
            self._addresses[server] = await self._look_up(dns.name.from_text(server))
        except (NotFound, dns.exception.DNSException):  # the latter: a name such as the root
            return ()
        finally:
            self._in_progress.discard(server)
        return self._addresses[server]

    async def _step(self, zone: ZoneServers, ancestor: dns.name.Name) -> ZoneServers | None:
        """The zone at ``ancestor``, or None where ``zone`` goes on below; raises NotFound."""
        trouble = Trouble.NO_ADDRESS
        tried = 0
        # Glue first: a server without it costs queries of its own.
        for server in sorted(zone.names, key=lambda name: name not in zone.addresses):
            for address in await self.find_addresses(zone, server):
                told = await self._ask_about_cut(zone, ancestor, address)
                match told:
                    case Cut():
                        return self._zone_of(ancestor, told)
                    case NoCut():
                        return None
                    case Lame():
                        trouble = Trouble.LAME
                    case Trouble():
                        trouble = told
                if told is Trouble.BUDGET:
                    raise NotFound(as_text(zone.apex), trouble)
                tried += told is not Trouble.NO_ROUTE
            if tried >= _TRIED_SERVERS:
                break
        raise NotFound(as_text(zone.apex), trouble)

    async def _ask_about_cut(
        self, zone: ZoneServers, ancestor: dns.name.Name, address: Address
    ) -> Cut | NoCut | Lame | Trouble:
        ns = dns.rdatatype.NS
        reply = await self._prober.ask(address, ancestor, ns)
        if reply is Trouble.TIMEOUT:  # a lost packet, or a server that changes the letter case
            reply = await self._prober.ask(address, ancestor, ns, transport=Transport.TCP)
        if isinstance(reply, Trouble):
            return reply
        return read_cut(reply, zone=zone.apex, name=ancestor)

    async def _look_up(self, host: dns.name.Name) -> tuple[Address, ...]:
        zone = await self.find_zone_above(host)
        found: tuple[str, ...] = ()
        for server in zone.names:
            for address in await self.find_addresses(zone, server):
                replies = [
                    await self._prober.ask(address, host, rdtype)
                    for rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
                ]
                for reply in replies:
                    found += () if isinstance(reply, Trouble) else read_addresses(reply, host)
                if found or not any(isinstance(reply, Trouble) for reply in replies):
                    return self._with_port(found)
        return ()

    def _zone_of(self, apex: dns.name.Name, cut: Cut) -> ZoneServers:
        return ZoneServers(
            apex=apex,
            names=tuple(sorted(cut.nameservers)),
            addresses={name: self._with_port(texts) for name, texts in cut.glue.items()},
        )

    def _with_port(self, texts: tuple[str, ...]) -> tuple[Address, ...]:
        return tuple(Address(text, self._port) for text in texts)
