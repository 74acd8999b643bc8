"""What Envoy may ask for, as of the feed: routes and secrets with their versions, challenges.

No sockets, no files, no clock: entries in, values out. Private keys are opened only for the
answer that carries them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from firstparty.certs.pair import find_leaf_fault
from firstparty.edge.hosts import HostTable, parse_served_domain
from firstparty.edge.hot import Hot, HotKey
from firstparty.edge.routes import HTTP_ROUTES, HTTPS_ROUTES, build_http_routes, build_https_routes
from firstparty.edge.xds import ROUTES_TYPE, SECRET_TYPE, Resource, build_secret
from firstparty.model.feed import EdgeCertificate, EdgeDomain, FeedEntry, HttpChallenge, Topic
from firstparty.store.sealing import SealBroken, Sealer
from firstparty.telemetry import Log

ResourceName = tuple[str, str]  # type URL, name
_ROUTE_TABLES: Final = frozenset({(ROUTES_TYPE, HTTPS_ROUTES), (ROUTES_TYPE, HTTP_ROUTES)})
_log: Final = Log("edge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """There is a certificate for the name, and it cannot be given to Envoy."""

    reason: str


class Resources:
    """The edge's state, changed by the feed and read by Envoy's streams."""

    def __init__(self, sealer: Sealer, *, https_port: int) -> None:
        """``https_port`` is the one that visitors use: the target of port 80's redirects."""
        self._sealer = sealer
        self._https_port = https_port
        self._hosts = HostTable()
        self._challenges: dict[str, HttpChallenge] = {}
        self._routes: dict[str, Resource] = {}
        self._hot: Hot = {}
        self._changes = 0  # of domains, so far

    def apply(self, entries: Iterable[FeedEntry]) -> frozenset[ResourceName]:
        """Take entries in; the resources that may differ now. A bad entry changes nothing."""
        changed: set[ResourceName] = set()
        for entry in entries:
            try:
                changed |= self._apply_one(entry)
            except msgspec.DecodeError as error:
                _log.error("edge.entry_unreadable", topic=entry.topic, key=entry.key, error=error)
        if not changed.isdisjoint(_ROUTE_TABLES):
            self._routes.clear()
        return frozenset(changed)

    def _apply_one(self, entry: FeedEntry) -> set[ResourceName]:
        match entry.topic:
            case Topic.EDGE:
                return self._apply_domain(entry)
            case Topic.CHALLENGES:
                if entry.body is None:
                    self._challenges.pop(entry.key, None)
                else:
                    challenge = msgspec.json.decode(entry.body, type=HttpChallenge)
                    self._challenges[entry.key] = challenge
            case Topic.ZONES | Topic.TARGETS | Topic.SOURCES:
                pass
        return set()

    def _apply_domain(self, entry: FeedEntry) -> set[ResourceName]:
        served = None
        if entry.body is not None:
            domain = msgspec.json.decode(entry.body, type=EdgeDomain)
            parsed = parse_served_domain(domain, revision=entry.revision)
            if isinstance(parsed, str):
                _log.error("edge.domain_refused", domain=entry.key, reason=parsed)
                return set()
            served = parsed
        hosts = self._hosts.replace(entry.key, served)
        self._changes += 1
        # What is hot may be another thing by now: the CDN role answers until it was asked again.
        self._hot = {key: answer for key, answer in self._hot.items() if key[0] not in hosts}
        return {(SECRET_TYPE, host) for host in hosts} | _ROUTE_TABLES

    def count_hosts(self) -> int:
        """How many hosts Envoy may be asked for."""
        return self._hosts.count()

    def list_hot(self) -> tuple[int, list[HotKey]]:
        """How often domains have changed, and what may be hot now."""
        return self._changes, list(self._hosts.hot_paths())

    def set_hot(self, hot: Hot) -> frozenset[ResourceName]:
        """Have Envoy give these answers by itself; the resources that may differ now."""
        if hot == self._hot:
            return frozenset()
        self._hot = hot
        self._routes.clear()
        return _ROUTE_TABLES

    def version(self, name: ResourceName) -> str | None:
        """The version of a resource, found without opening a key; None when there is none."""
        kind, leaf = name
        if kind == SECRET_TYPE:
            certificate = self._certificate(leaf)
            return None if certificate is None else _version(leaf, certificate)
        routes = self._route_table(leaf) if kind == ROUTES_TYPE else None
        return None if routes is None else routes.version

    def find(self, name: ResourceName, *, now: datetime) -> Resource | Unusable | None:
        """The resource itself; None when there is none of this name."""
        kind, leaf = name
        if kind == SECRET_TYPE:
            certificate = self._certificate(leaf)
            return None if certificate is None else self._open(leaf, certificate, now)
        return self._route_table(leaf) if kind == ROUTES_TYPE else None

    def key_authorization(self, *, host: str, token: str, now: datetime) -> str | None:
        """The answer to an http-01 request, for exactly this host and token (RFC 8555 §8.3)."""
        challenge = self._challenges.get(f"{host}/{token}")
        if challenge is None or (challenge.host, challenge.token) != (host, token):
            return None
        return challenge.key_authorization if now < challenge.expires_at else None

    def _certificate(self, host: str) -> EdgeCertificate | None:
        owner = self._hosts.owner(host)
        return None if owner is None else owner.certificate

    def _open(self, host: str, certificate: EdgeCertificate, now: datetime) -> Resource | Unusable:
        try:
            key = self._sealer.open(certificate.sealed_key, context=f"certificate:{certificate.id}")
        except SealBroken as error:
            return Unusable(reason=str(error))
        chain = certificate.chain.encode()
        reason = find_leaf_fault(chain, key, host=host, now=now)
        if reason is not None:
            return Unusable(reason=reason)
        return Resource(
            type_url=SECRET_TYPE,
            name=host,
            version=_version(host, certificate),
            body=build_secret(host, chain=chain, key=key),
        )

    def _route_table(self, name: str) -> Resource | None:
        if not self._routes:
            cdn_hosts, api_hosts = self._hosts.cdn_hosts(), self._hosts.api_hosts()
            consoles = self._hosts.console_hosts()
            known = [*cdn_hosts, *api_hosts, *consoles]
            tables = (
                build_https_routes(
                    cdn_hosts=cdn_hosts, api_hosts=api_hosts, console_hosts=consoles, hot=self._hot
                ),
                build_http_routes(hosts=known, https_port=self._https_port),
            )
            self._routes = {table.name: table for table in tables}
        return self._routes.get(name)


def _version(host: str, certificate: EdgeCertificate) -> str:
    content = (host, certificate.id, certificate.chain, certificate.sealed_key)
    return sha256(msgspec.msgpack.encode(content)).hexdigest()
