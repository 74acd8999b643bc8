"""The zones of the feed, and the service zone made from the claims' names, as answers.

A bad entry is logged and changes nothing: its zone stays as it was, the others are not touched.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import msgspec

from firstparty.model.feed import FeedEntry, Targets, Topic, Zone
from firstparty.model.service_domain import is_own
from firstparty.nameserver.answers import Answers, CompiledZone, compile_zone
from firstparty.nameserver.published import Published
from firstparty.nameserver.service import ServiceZone
from firstparty.telemetry import Log
from firstparty.zones.contents import BadZone, Contents, build_contents
from firstparty.zones.names import parse_name
from firstparty.zones.packing import unpack_contents

# A zone of the snapshot is compiled when it is first asked for; a change, at once.
_MANY: Final = 1_000


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """What of a Zone must be known before it is asked for."""

    apex: str
    serial: int
    nameservers: tuple[str, ...]


class Zones:
    """What is answered at the moment. ``apply`` changes it between two queries, never within."""

    def __init__(self, *, service_domain: str, nameserver_addresses: Sequence[str]) -> None:
        self.answers = Answers()
        self.published: Published | None = None
        self._log = Log("nameserver")
        self._service_domain = service_domain
        self._service = ServiceZone(service_domain, nameserver_addresses)
        self._revisions: dict[tuple[Topic, str], int] = {}
        self._targets: dict[str, Targets] = {}
        self._zones: dict[str, _Head] = {}
        self._owners: dict[bytes, str] = {}  # apex on the wire to the key that put it in
        self._revision = 0
        self._service_zone, _ = self._service.put_into(self.answers, serial=0)

    def count(self) -> int:
        """How many zones are answered, with the service domain's own."""
        return len(self._zones) + 1

    def publish(self) -> Published:
        """Keep what secondaries need. MUST be called before the first ``apply``."""
        self.published = Published(self.answers, self._service_domain)
        self.published.note(self._service.apex, None, self._service_zone)
        return self.published

    def apply(self, entries: Iterable[FeedEntry]) -> None:
        """Take in changes of ZONES and TARGETS. An entry that is here already costs nothing.

        Of very many entries at once, as after a start, zones are compiled when they are asked for;
        what is wrong in one is then found only at that time.
        """
        fresh = [
            one for one in entries if self._revisions.get((one.topic, one.key)) != one.revision
        ]
        if not fresh:
            return
        for entry in fresh:
            self._revisions[(entry.topic, entry.key)] = entry.revision
            self._revision = max(self._revision, entry.revision)
            try:
                self._apply_one(entry, is_later=len(fresh) > _MANY)
            except Exception as error:  # noqa: BLE001 -- whatever is wrong in it, the others go on
                self._refuse(entry, error)
        # Its serial is the same on every nameserver, and it only grows.
        old = self._service_zone
        self._service_zone, before = self._service.put_into(self.answers, serial=self._revision)
        if self.published is not None:
            self.published.note(self._service.apex, old, self._service_zone, names=before)
            self.published.finish(self._revision)
        self._log.info("nameserver.zones_changed", entries=len(fresh), zones=len(self._zones))

    def _apply_one(self, entry: FeedEntry, *, is_later: bool) -> None:
        if entry.topic is Topic.TARGETS:
            self._apply_targets(entry)
        elif is_own(entry.key):
            self._apply_own(entry)
        elif entry.body is None:
            self._remove(entry.key)
        else:
            self._apply_zone(entry, entry.body, is_later=is_later)

    def _refuse(self, entry: FeedEntry, error: Exception) -> None:
        self._log.error(
            "nameserver.zone_refused",
            key=entry.key,
            revision=entry.revision,
            error=f"{type(error).__name__}: {error}",
        )

    def _apply_targets(self, entry: FeedEntry) -> None:
        targets = None if entry.body is None else msgspec.json.decode(entry.body, type=Targets)
        if targets is not None:
            # Before the earlier ones go: a bad entry changes nothing.
            self._service.add_targets(targets.names, targets.addresses, targets.caa)
            self._service.add_challenges(targets.challenges)
        earlier = self._targets.pop(entry.key, None)
        if earlier is not None:
            self._service.withdraw((*earlier.names, *earlier.challenges))
        if targets is not None:
            self._targets[entry.key] = targets

    def _apply_own(self, entry: FeedEntry) -> None:
        """Hosts of the service domain itself: they go into the service zone."""
        zone = None if entry.body is None else msgspec.json.decode(entry.body, type=Zone)
        if zone is not None and parse_name(zone.apex) != self._service.apex:
            raise BadZone(f"{zone.apex} is not the service domain")
        self._service.set_hosts(entry.key, zone)

    def _apply_zone(self, entry: FeedEntry, body: bytes, *, is_later: bool) -> None:
        head = msgspec.json.decode(body, type=_Head)
        apex = parse_name(head.apex)
        compiled = None if is_later else self._compile(body)
        if apex == self._service.apex:
            raise BadZone(f"{head.apex} is the service domain")
        earlier = self._zones.get(entry.key)
        # Before the earlier ones go: a bad entry changes nothing.
        self._service.add(head.nameservers)
        if earlier is not None:
            self._service.withdraw(earlier.nameservers)
            if parse_name(earlier.apex) != apex:
                self._give_up(entry.key, earlier)
        if compiled is None:
            self.answers.put_later(apex, partial(self._compile_later, entry, body))
            if self.published is not None:
                self.published.note_later(apex)
        else:
            if self.published is not None:
                self.published.note(apex, self.published.find(apex), compiled)
            self.answers.put(compiled)
        self._zones[entry.key] = head
        self._owners[apex] = entry.key

    def _compile(self, body: bytes) -> CompiledZone:
        return compile_zone(self._read(msgspec.json.decode(body, type=Zone)))

    def _read(self, zone: Zone) -> Contents:
        """The zone's records: as they were signed, or else as they follow from its facts."""
        if zone.signed is None:
            return build_contents(zone, service_domain=self._service_domain)
        contents = unpack_contents(zone.signed.records)
        if contents.apex != parse_name(zone.apex):
            raise BadZone(f"zone {zone.apex}: the signed records are another zone's")
        return contents

    def _compile_later(self, entry: FeedEntry, body: bytes) -> CompiledZone | None:
        try:
            return self._compile(body)
        except Exception as error:  # noqa: BLE001 -- as in apply()
            self._refuse(entry, error)
            return None

    def _remove(self, key: str) -> None:
        head = self._zones.pop(key, None)
        if head is not None:
            self._service.withdraw(head.nameservers)
            self._give_up(key, head)

    def _give_up(self, key: str, head: _Head) -> None:
        """Answer no more for this apex, unless it is another claim's by now."""
        apex = parse_name(head.apex)
        if self._owners.get(apex) == key:
            del self._owners[apex]
            self.answers.remove(apex)
            if self.published is not None:
                self.published.note(apex, None, None)
