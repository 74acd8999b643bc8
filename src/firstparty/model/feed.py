"""What the parts in front read: narrow entries, published by the reconciler, one per key.

``EDGE`` and ``CHALLENGES`` have what Envoy's neighbour, ingest and the CDN host need; ``ZONES`` and
``TARGETS`` what the nameserver answers. An entry replaces the earlier one of its key; an entry
without a body removes it. Bodies are JSON of the structs below; a reader ignores fields it does not
know, so that an old edge can read a newer control plane.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from firstparty.model.privacy import NO_RULES, PrivacyRules


class Topic(StrEnum):
    """Which readers an entry is for."""

    EDGE = "edge"  # one entry a domain: EdgeDomain; key is the domain's id
    CHALLENGES = "challenges"  # one entry a live http-01 challenge; key is "HOST/TOKEN"
    ZONES = "zones"  # one entry a zone: Zone; key is the domain's id
    SOURCES = "sources"  # one entry a source, with a domain or without: AnySource; key is its id
    TARGETS = "targets"  # one entry a domain by CNAME: Targets; key is the domain's id


class FeedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One key of one topic as of ``revision``; revisions only grow, over all topics together."""

    revision: int
    topic: Topic
    key: str
    body: bytes | None


class EdgeSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source as the edge needs it.

    ``number`` is the small stable integer that stands for the source in log entries.
    ``alias`` is the script's path without slash in front and without extension
    (``"workspace-alias/source-alias"``); ``old_alias`` is the one before, while both are served.
    ``upstream`` (see model/upstreams.py) is an origin such as
    ``https://api.segment.io`` (no path). ``settings`` is the source's settings JSON as its owner
    stored it, not rewritten; unknown keys are kept. ``origin`` is one of model.workspaces.Origin.
    ``cdn_upstream`` is the origin of the CDN that is mirrored for this source; empty: none is.
    ``messages_per_second`` is how many it may send; 0: as many as it likes.
    ``sealed_secret`` and ``sealed_old_secret`` sign what goes to a webhook; they open with the
    edge's key, and their context is model.upstreams.secret_context.
    ``script_version`` is the version of Analytics.js that it gets; empty: the newest.
    ``share`` of a hundred visitors stay on the domain; the others are sent on to ``default_cdn``
    (an origin) and ``default_api`` (no scheme, with ``/v1``).
    ``proxy_cdn`` and ``proxy_api`` are those of the owner's own proxy, which leads to the default
    hosts; empty while there is none that has passed.
    """

    id: str
    number: int
    type: str
    write_key: str
    alias: str
    upstream: str
    old_alias: str = ""
    settings: dict[str, Any] = {}
    origin: str = "self-hosted"
    cdn_upstream: str = ""
    privacy: PrivacyRules = NO_RULES
    messages_per_second: int = 0
    region: str = ""
    sealed_secret: bytes = b""
    sealed_old_secret: bytes = b""
    share: int = 100
    script_version: str = ""
    default_cdn: str = ""
    default_api: str = ""
    proxy_cdn: str = ""
    proxy_api: str = ""


class AnySource(msgspec.Struct, frozen=True, kw_only=True):
    """A source for the default hosts, which serve every one, and the workspace that it is of."""

    workspace: str
    source: EdgeSource


class HostKind(StrEnum):
    """What the hosts of an edge entry are for."""

    TENANT = "tenant"  # a customer's domain: its own sources
    DEFAULT = "default"  # the service domain's CDN and API host: every source
    CONSOLE = "console"  # the service domain's console: one host, which is both


class EdgeCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate pair. ``chain`` is PEM, leaf first; ``sealed_key`` opens with the edge's key.

    The context that the key is sealed with is ``certificate:<id>``.
    """

    id: str
    chain: str
    sealed_key: bytes
    not_after: datetime


class EdgeDomain(msgspec.Struct, frozen=True, kw_only=True):
    """A domain as the edge serves it: two hosts, their sources, their certificate.

    Before there is a certificate, the hosts are known and every TLS handshake for them refused.
    Pages of ``credential_origins`` may send with credentials, beside those of the site itself.
    ``is_draining``: it is served as ever, and every request to it is counted (spool/meter.py).
    """

    id: str
    workspace: str
    name: str
    cdn_host: str
    api_host: str
    sources: tuple[EdgeSource, ...]
    certificate: EdgeCertificate | None = None
    is_draining: bool = False
    credential_origins: tuple[str, ...] = ()
    kind: HostKind = HostKind.TENANT


class HttpChallenge(msgspec.Struct, frozen=True, kw_only=True):
    """An http-01 answer (RFC 8555 §8.3) for exactly one host and token."""

    host: str
    token: str
    key_authorization: str
    expires_at: datetime


class CaaRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One CAA property (RFC 8659 §4)."""

    flags: int
    tag: str
    value: str


class SignedZone(msgspec.Struct, frozen=True, kw_only=True):
    """All records of a zone with their signatures, as ``zones/packing.py`` packs them.

    They are answered as they are, until ``expires_at``. ``dnskey`` is the rdata of the key whose DS
    the parent should have; ``other_dnskey`` that of the other one while a key is replaced.
    """

    records: bytes
    dnskey: bytes
    expires_at: datetime
    other_dnskey: bytes = b""


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A zone as the nameserver answers it: facts, not records.

    Names have no trailing dot. ``txt`` maps owner names to the TXT values there (dns-01).
    ``addresses`` are the edge's, for the hosts. ``signed`` has the records of just these facts.
    """

    apex: str
    serial: int
    nameservers: tuple[str, ...]
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]
    caa: tuple[CaaRecord, ...] = ()
    txt: dict[str, tuple[str, ...]] = {}
    signed: SignedZone | None = None


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """What the hosts of a domain by CNAME point at: names in the service zone, and the edge there.

    Names have no trailing dot. They do not exist (NXDOMAIN) once the entry is gone. ``challenges``
    are the names that the hosts' ``_acme-challenge`` may lead to, with the TXT values there.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    caa: tuple[CaaRecord, ...] = ()
    challenges: dict[str, tuple[str, ...]] = {}
