"""The operator's own zone in its least form: addresses for the claims' names.

Those are the nameserver names of delegated domains, and the targets of domains by CNAME. Names with
the same records share one node; a change of one claim costs nothing that grows with the number of
claims.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from firstparty.model.feed import CaaRecord, Zone
from firstparty.nameserver.answers import Answers, CompiledZone, Node, compile_owner, compile_zone
from firstparty.zones.contents import (
    SOON_THERE_TTL,
    Owner,
    build_challenge_owner,
    build_nameserver_owner,
    build_service_contents,
    build_target_owner,
    spread_addresses,
)
from firstparty.zones.names import ancestors, is_below, parse_name


class ServiceZone:
    """Counts how many claims use each of the names, and answers those that are in use.

    Names outside the service domain are left out: their addresses are somebody else's to give.
    """

    def __init__(self, domain: str, addresses: Sequence[str]) -> None:
        self._domain = domain
        self._addresses = tuple(addresses)
        self.apex = parse_name(domain)
        self._there = [
            compile_owner(build_nameserver_owner(some)) for some in spread_addresses(addresses)
        ]
        self._between = compile_owner(Owner(rrsets={}, negative_ttl=SOON_THERE_TTL))
        self._uses: Counter[bytes] = Counter()
        self._nodes: dict[bytes, Node] = {}
        self._zones: dict[str, Zone] = {}  # of the service domain itself, by the feed's key
        self._own: set[bytes] = set()
        self._before: dict[bytes, Node | None] = {}  # what changed since put_into(), as it was

    def add(self, nameservers: Iterable[str]) -> None:
        """One more claim uses these names, each of which has a part of the addresses."""
        self._add(nameservers, *self._there)

    def add_targets(
        self, names: Iterable[str], addresses: Iterable[str], caa: Iterable[CaaRecord] = ()
    ) -> None:
        """The hosts of one more domain point at these names; raises BadZone and changes nothing."""
        self._add(names, compile_owner(build_target_owner(addresses, caa)))

    def add_challenges(self, challenges: Mapping[str, Sequence[str]]) -> None:
        """One more domain's ``_acme-challenge`` names may lead to these, with these TXT values."""
        for name, values in challenges.items():
            self._add([name], compile_owner(build_challenge_owner(values)))

    def _add(self, names: Iterable[str], *nodes: Node) -> None:
        for at, name in enumerate(self._parse(names)):
            self._uses[name] += 1
            self._before.setdefault(name, self._nodes.get(name))
            self._nodes[name] = nodes[at % len(nodes)]
            for above in ancestors(name):
                if above == self.apex:
                    break
                self._nodes.setdefault(above, self._between)

    def withdraw(self, names: Iterable[str]) -> None:
        """One claim less uses these names. The names above them stay, empty."""
        for name in self._parse(names):
            self._uses[name] -= 1
            if not self._uses[name]:
                self._before.setdefault(name, self._nodes[name])
                del self._uses[name], self._nodes[name]

    def set_hosts(self, key: str, zone: Zone | None) -> None:
        """Have the hosts of the service domain itself that an entry names (None: no more).

        Raises BadZone and changes nothing.
        """
        zones = {name: one for name, one in self._zones.items() if name != key}
        if zone is not None:
            zones[key] = zone
            self._build(zones, serial=0)
        self._zones = zones

    def put_into(
        self, answers: Answers, *, serial: int
    ) -> tuple[CompiledZone, Mapping[bytes, Node | None]]:
        """Answer the zone as it is now, under this serial.

        The zone; and the names that may have changed since the last time, as they were.
        """
        own = self._build(self._zones, serial=serial)
        before, self._before = self._before, {}
        for name in self._own | own.nodes.keys():
            before.setdefault(name, self._nodes.get(name))
        for name in self._own - own.nodes.keys():
            del self._nodes[name]
        self._own = set(own.nodes)
        self._nodes.update(own.nodes)
        zone = CompiledZone(
            apex=own.apex, nodes=self._nodes, soa=own.soa, negative_ttl=own.negative_ttl
        )
        answers.put(zone)
        return zone, before

    def _build(self, zones: Mapping[str, Zone], *, serial: int) -> CompiledZone:
        return compile_zone(
            build_service_contents(
                self._domain, serial=serial, addresses=self._addresses, zones=zones.values()
            )
        )

    def _parse(self, texts: Iterable[str]) -> list[bytes]:
        names = dict.fromkeys(map(parse_name, texts))
        return [name for name in names if is_below(name, self.apex) and name != self.apex]
