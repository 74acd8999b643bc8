"""The zones of the feed, and the service zone made from the claims' names, as answers.

A bad entry is logged and changes nothing: its zone stays as it was, the others are not touched.
"""

from collections.abc import Iterable, Sequence

import msgspec

from firstparty.model.feed import FeedEntry, Targets, Topic, Zone
from firstparty.nameserver.answers import Answers, compile_zone
from firstparty.nameserver.service import ServiceZone
from firstparty.nameserver.zone import BadZone, build_contents
from firstparty.telemetry import Log


class Zones:
    """What is answered at the moment. ``apply`` changes it between two queries, never within."""

    def __init__(self, *, service_domain: str, nameserver_addresses: Sequence[str]) -> None:
        self.answers = Answers()
        self._log = Log("nameserver")
        self._service_domain = service_domain
        self._service = ServiceZone(service_domain, nameserver_addresses)
        self._entries: dict[tuple[Topic, str], FeedEntry] = {}
        self._targets: dict[str, Targets] = {}
        self._zones: dict[str, tuple[Zone, bytes]] = {}  # by key: as published, apex on the wire
        self._owners: dict[bytes, str] = {}  # apex on the wire to the key that put it in
        self._revision = 0
        self._service.put_into(self.answers, serial=0)

    def apply(self, entries: Iterable[FeedEntry]) -> None:
        """Take in changes of ZONES and TARGETS. An entry that is here already costs nothing."""
        is_changed = False
        for entry in entries:
            if self._entries.get((entry.topic, entry.key)) == entry:
                continue
            self._entries[(entry.topic, entry.key)] = entry
            self._revision = max(self._revision, entry.revision)
            try:
                self._apply_one(entry)
            except Exception as error:  # noqa: BLE001 -- whatever is wrong in it, the others go on
                self._log.error(
                    "nameserver.zone_refused",
                    key=entry.key,
                    revision=entry.revision,
                    error=f"{type(error).__name__}: {error}",
                )
            is_changed = True
        if is_changed:
            # Its serial is the same on every nameserver, and it only grows.
            self._service.put_into(self.answers, serial=self._revision)

    def _apply_one(self, entry: FeedEntry) -> None:
        if entry.topic is Topic.TARGETS:
            self._apply_targets(entry)
        else:
            self._apply_zone(entry)

    def _apply_targets(self, entry: FeedEntry) -> None:
        targets = None if entry.body is None else msgspec.json.decode(entry.body, type=Targets)
        if targets is not None:
            # Before the earlier ones go: a bad entry changes nothing.
            self._service.add_targets(targets.names, targets.addresses)
        earlier = self._targets.pop(entry.key, None)
        if earlier is not None:
            self._service.withdraw(earlier.names)
        if targets is not None:
            self._targets[entry.key] = targets

    def _apply_zone(self, entry: FeedEntry) -> None:
        if entry.body is None:
            self._remove(entry.key)
            return
        zone = msgspec.json.decode(entry.body, type=Zone)
        contents = build_contents(zone, service_domain=self._service_domain)
        if contents.apex == self._service.apex:
            raise BadZone(f"{zone.apex} is the service domain")
        compiled = compile_zone(contents)
        earlier, earlier_apex = self._zones.get(entry.key, (None, contents.apex))
        if earlier_apex != contents.apex:
            self._remove(entry.key)
        elif earlier is not None:
            self._service.withdraw(earlier.nameservers)
        self.answers.put(compiled)
        self._service.add(zone.nameservers)
        self._zones[entry.key] = (zone, contents.apex)
        self._owners[contents.apex] = entry.key
        self._log.info("nameserver.zone_loaded", apex=zone.apex, serial=zone.serial)

    def _remove(self, key: str) -> None:
        zone, apex = self._zones.pop(key, (None, b""))
        if zone is None:
            return
        self._service.withdraw(zone.nameservers)
        # The apex may be another claim's by now: then it stays.
        if self._owners.get(apex) == key:
            del self._owners[apex]
            self.answers.remove(apex)
            self._log.info("nameserver.zone_removed", apex=zone.apex)
