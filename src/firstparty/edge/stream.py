"""One stream of Envoy's delta discovery protocol: requests and changes in, responses out.

A state machine that never waits, so no answer is late: a handshake that is not answered hangs
for 10 s.

https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from firstparty.counts import Counts
from firstparty.edge.resources import ResourceName, Resources, Unusable
from firstparty.edge.xds import SECRET_TYPE, DeltaRequest, DeltaResponse, Resource
from firstparty.telemetry import Log

_log: Final = Log("edge")


class Stream:
    """What one Envoy has subscribed to, and which versions it has taken or rejected."""

    def __init__(self, resources: Resources, counts: Counts | None = None) -> None:
        self._resources = resources
        self._counts = counts or Counts()
        self._subscribed: set[ResourceName] = set()
        self._taken: dict[ResourceName, str] = {}
        self._rejected: dict[ResourceName, str] = {}
        self._reported: dict[ResourceName, str] = {}
        self._in_flight: dict[str, tuple[ResourceName, str]] = {}  # by nonce; with the version
        self._changed_in_flight: set[ResourceName] = set()
        self._responses = 0

    def answer(self, request: DeltaRequest, *, now: datetime) -> list[DeltaResponse]:
        """What to send for a request: one resource a response, so that a NACK names its cause."""
        responses = self._settle(request, now)
        for leaf in request.unsubscribe:
            self._forget((request.type_url, leaf))
        for leaf, known in request.known.items():
            self._taken[request.type_url, leaf] = known
        for leaf in request.subscribe:
            name = (request.type_url, leaf)
            self._subscribed.add(name)
            version = self._resources.version(name)
            # After a reconnect Envoy names everything it has, with versions.
            if version is None or request.known.get(leaf) != version:
                responses.append(self._respond(name, now) or self._remove(name))
        return responses

    def count_secrets(self) -> int:
        """How many certificates this Envoy has taken, by host."""
        return sum(kind == SECRET_TYPE for kind, _ in self._taken)

    def update(self, changed: Iterable[ResourceName], *, now: datetime) -> list[DeltaResponse]:
        """What to send because these resources may differ now."""
        responses: list[DeltaResponse] = []
        busy = {name for name, _ in self._in_flight.values()}
        for name in sorted(self._subscribed.intersection(changed)):
            version = self._resources.version(name)
            if name in busy:
                self._changed_in_flight.add(name)
            elif version is None:
                responses.append(self._remove(name))
            elif version not in {self._taken.get(name), self._rejected.get(name)}:
                # A pair that cannot be used never replaces one that works.
                response = self._respond(name, now)
                if response is None and name not in self._taken:
                    response = self._remove(name)
                if response is not None:
                    responses.append(response)
        return responses

    def _settle(self, request: DeltaRequest, now: datetime) -> list[DeltaResponse]:
        """Note an ACK or NACK; what follows from it."""
        sent = self._in_flight.pop(request.response_nonce, None)
        if sent is None:
            return []
        name, version = sent
        responses: list[DeltaResponse] = []
        self._counts.add("edge_responses_total", "rejected" if request.error else "acknowledged")
        if request.error is None:
            self._counts.set("edge_last_acknowledged_timestamp_seconds", now.timestamp())
            if name in self._subscribed:
                self._taken[name] = version
        else:
            kind, leaf = name
            _log.error("edge.rejected_by_envoy", type=kind, name=leaf, reason=request.error)
            self._rejected[name] = version
            # Handshakes wait for a first secret; over an earlier one Envoy goes on with that.
            if kind == SECRET_TYPE and name not in self._taken:
                responses.append(self._remove(name))
        if name in self._changed_in_flight:
            self._changed_in_flight.discard(name)
            responses += self.update([name], now=now)
        return responses

    def _respond(self, name: ResourceName, now: datetime) -> DeltaResponse | None:
        found = self._resources.find(name, now=now)
        match found:
            case None:
                return None
            case Unusable(reason=reason):
                self._report_once(name, reason)
                return None
            case Resource() if self._rejected.get(name) == found.version:
                return None
            case Resource():
                nonce = self._nonce()
                self._in_flight[nonce] = (name, found.version)
                return DeltaResponse(type_url=name[0], nonce=nonce, resource=found)

    def _report_once(self, name: ResourceName, reason: str) -> None:
        """Tell the operator, however often strangers ask for the name."""
        version = self._resources.version(name)
        if version is not None and self._reported.get(name) != version:
            self._reported[name] = version
            _log.error("edge.certificate_unusable", host=name[1], reason=reason)

    def _remove(self, name: ResourceName) -> DeltaResponse:
        self._taken.pop(name, None)
        return DeltaResponse(type_url=name[0], nonce=self._nonce(), removed=(name[1],))

    def _forget(self, name: ResourceName) -> None:
        self._subscribed.discard(name)
        self._taken.pop(name, None)
        self._changed_in_flight.discard(name)

    def _nonce(self) -> str:
        self._responses += 1
        return str(self._responses)
