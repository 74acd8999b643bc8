"""Who may do what, and what sends messages: workspaces, people, roles, tokens, sources."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from firstparty.model.plans import EVERYTHING, Plan
from firstparty.model.privacy import NO_RULES, PrivacyRules

EVERYBODY: Final = 100  # percent of visitors


class Role(StrEnum):
    """What a person or token may do in a workspace; each role includes the ones after it."""

    OWNER = "owner"  # everything, people included
    ADMIN = "admin"  # domains, sources, tokens
    EDITOR = "editor"  # domains and sources
    VIEWER = "viewer"  # look

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what ``other`` may."""
        order = list(Role)
        return order.index(self) <= order.index(other)


class SourceType(StrEnum):
    """What kind of site or app a source is: it decides the snippet and where the IP comes from."""

    JAVASCRIPT = "javascript"
    PYTHON = "python"
    NODE = "node"
    RUBY = "ruby"
    PHP = "php"
    GO = "go"
    JAVA = "java"
    CLOJURE = "clojure"
    DOTNET = "dotnet"
    CSHARP = "csharp"
    MOBILE = "mobile"
    PIXEL = "pixel"
    HTTP = "http"


class Origin(StrEnum):
    """Where a source's settings come from before its CDN host rewrites them."""

    SELF_HOSTED = "self-hosted"  # what its owner stored here
    MIRROR = "mirror"  # the upstream CDN, copies of which are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A tenant. ``alias`` is the first part of its sources' script paths."""

    id: str
    name: str
    alias: str
    created_at: datetime
    plan: Plan = EVERYTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One site or app with a write key.

    ``number`` stands for the source in log entries, never changes and is never used again.
    ``alias`` is the second part of the script's path. ``upstream`` is as model/upstreams.py says.
    ``share`` is how many visitors in a hundred stay on the domain after the script is loaded.
    """

    id: str
    number: int
    workspace_id: str
    name: str
    type: SourceType
    write_key: str
    region: str
    upstream: str
    alias: str
    created_at: datetime
    old_alias: str = ""  # still served: pages out there may name it
    settings: dict[str, Any] = field(default_factory=dict)
    origin: Origin = Origin.SELF_HOSTED
    privacy: PrivacyRules = NO_RULES
    messages_per_second: int = 0  # how many it may send; 0: as many as it likes
    share: int = EVERYBODY
    script_version: str = ""  # empty: the newest that is installed
    # What an upstream that is a webhook checks our signatures with, sealed for the edge; while an
    # old one is there, every request is signed with both.
    sealed_secret: bytes = b""
    sealed_old_secret: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who signs in. An operator sees every workspace."""

    id: str
    email: str
    password_hash: str
    is_operator: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A place for somebody: whoever has its secret may take it, once, until ``expires_at``.

    Without a workspace it makes an operator. An empty ``email``: whoever takes it says theirs.
    """

    id: str
    email: str
    workspace_id: str | None
    role: Role
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An API token. Without a workspace it is an operator's and works in all of them."""

    id: str
    name: str
    workspace_id: str | None
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser. ``csrf`` goes into every form of its pages."""

    person_id: str
    csrf: str
    expires_at: datetime
