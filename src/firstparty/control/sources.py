"""Sources: what sends messages, where its script is and where its messages go."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy.exc import IntegrityError

from firstparty.control.callers import Caller, require_role
from firstparty.control.fields import parse_title
from firstparty.control.rules import Rules
from firstparty.control.workspaces import ALIAS_LENGTH, show_workspace
from firstparty.errors import Conflict, NotFound, Refused
from firstparty.model.domains import Domain
from firstparty.model.identifiers import new_identifier, random_base62
from firstparty.model.workspaces import Role, Source, SourceType
from firstparty.store import workspaces
from firstparty.store.domains import load_domains_of_sources
from firstparty.store.engine import Store
from firstparty.store.people import add_audit

WRITE_KEY_LENGTH: Final = 32
MAX_SETTINGS_BYTES: Final = 256 * 1024
_WRITE_KEY: Final = re.compile(r"[0-9A-Za-z_-]{6,64}")
_HOST: Final = re.compile(r"[0-9A-Za-z.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """A source as asked for. None: chosen by us (``upstream``: the region's, by settings)."""

    name: str
    type: SourceType
    region: str = "us"
    upstream: str | None = None
    write_key: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """A source and what follows from where it is. ``alias_path`` has no slash in front.

    ``domain`` is the domain, not removed, that serves it.
    """

    source: Source
    alias_path: str
    domain: Domain | None


def add_source(
    store: Store,
    caller: Caller,
    *,
    workspace_id: str,
    asked: SourceRequest,
    rules: Rules,
    now: datetime,
) -> SourceView:
    """Make a source in a workspace; raises Refused with the field, Conflict for a taken key."""
    require_role(caller, workspace_id, Role.EDITOR, kind="workspace", identifier=workspace_id)
    region, upstream = parse_route(asked.region, asked.upstream, rules)
    source = Source(
        id=new_identifier("src"),
        number=0,  # the store gives it
        workspace_id=workspace_id,
        name=parse_title(asked.name, field="name"),
        type=asked.type,
        write_key=parse_write_key(asked.write_key),
        region=region,
        upstream=upstream,
        alias=random_base62(ALIAS_LENGTH),
        created_at=now,
        settings=parse_settings(asked.settings),
    )
    with store.write() as connection:
        workspace = workspaces.load_workspace(connection, workspace_id)
        if workspace is None:
            raise NotFound("workspace", workspace_id)
        try:
            source = workspaces.add_source(connection, source)
        except IntegrityError as error:
            raise Conflict(
                "write-key-in-use",
                "Another source here has this write key: every source needs its own.",
                field="write_key",
            ) from error
        add_audit(
            connection,
            at=now,
            workspace_id=workspace_id,
            actor=caller.actor,
            action="source.added",
            subject=source.id,
            detail={"name": source.name, "type": source.type, "upstream": source.upstream},
        )
    return SourceView(source=source, alias_path=f"{workspace.alias}/{source.alias}", domain=None)


def list_sources(
    store: Store, caller: Caller, *, workspace_id: str, after: str | None = None, limit: int = 100
) -> list[SourceView]:
    """The sources of a workspace, oldest first, from after the source with this id."""
    workspace = show_workspace(store, caller, workspace_id)
    with store.read() as connection:
        number = 0
        if after:
            last = workspaces.load_source(connection, after)
            if last is None or last.workspace_id != workspace_id:
                raise NotFound("source", after)
            number = last.number
        sources = workspaces.list_sources(connection, workspace_id, after=number, limit=limit)
        domains = load_domains_of_sources(connection, [source.id for source in sources])
    return [
        SourceView(
            source=source,
            alias_path=f"{workspace.alias}/{source.alias}",
            domain=domains.get(source.id),
        )
        for source in sources
    ]


def show_source(store: Store, caller: Caller, source_id: str) -> SourceView:
    """One source; raises NotFound, also for one of a workspace that the caller has no role in."""
    with store.read() as connection:
        source = workspaces.load_source(connection, source_id)
        if source is None:
            raise NotFound("source", source_id)
        require_role(caller, source.workspace_id, Role.VIEWER, kind="source", identifier=source_id)
        workspace = workspaces.load_workspace(connection, source.workspace_id)
        domains = load_domains_of_sources(connection, [source_id])
    assert workspace is not None  # a foreign key holds it
    return SourceView(
        source=source,
        alias_path=f"{workspace.alias}/{source.alias}",
        domain=domains.get(source_id),
    )


def parse_route(region: str, upstream: str | None, rules: Rules) -> tuple[str, str]:
    """The region, and the origin that messages go to; raises Refused."""
    if region not in rules.upstreams:
        known = " or ".join(sorted(rules.upstreams))
        raise Refused("region-unknown", f"The region is {known}.", field="region")
    if upstream is None:
        return region, rules.upstreams[region]
    origin = parse_origin(upstream)
    others = {origin for name, origin in rules.upstreams.items() if name != region}
    if origin in others and origin != rules.upstreams[region]:
        raise Refused(
            "upstream-of-other-region",
            f"{origin} is the upstream of another region than {region}: messages of a source "
            "stay in its region. Change the region or the upstream.",
            field="upstream",
        )
    return region, origin


def parse_origin(text: str) -> str:
    """``https://HOST[:PORT]`` in lower case, without a path; raises Refused."""
    try:
        parts = urlsplit(text.strip())
        port, host = parts.port, parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    except ValueError:
        parts, port, host = urlsplit(""), None, ""
    is_origin = (
        parts.scheme in {"http", "https"}
        and _HOST.fullmatch(host)
        and parts.path in {"", "/"}
        and not parts.query
        and not parts.fragment
        and port != 0
    )
    if not is_origin:
        raise Refused(
            "upstream-not-origin",
            "The upstream is an origin such as https://events.example.com: "
            "http or https, a host, perhaps a port, and no path.",
            field="upstream",
        )
    return f"{parts.scheme}://{host.lower()}" + (f":{port}" if port else "")


def parse_write_key(text: str | None) -> str:
    """The owner's write key as it is, or a new one; raises Refused."""
    if text is None:
        return random_base62(WRITE_KEY_LENGTH)
    write_key = text.strip()
    if not _WRITE_KEY.fullmatch(write_key):
        raise Refused(
            "write-key-invalid",
            "A write key has 6 to 64 letters, digits, hyphens and underscores: copy it from "
            "the source's settings, or leave it out to get a new one.",
            field="write_key",
        )
    return write_key


def parse_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings if they are JSON that every reader takes; raises Refused."""
    try:
        size = len(json.dumps(settings, allow_nan=False, ensure_ascii=False).encode())
    except (ValueError, RecursionError) as error:
        raise Refused(
            "settings-not-json",
            f"The settings are not plain JSON: {type(error).__name__}. "
            "Export them again from the source's settings address.",
            field="settings",
        ) from error
    if size > MAX_SETTINGS_BYTES:
        raise Refused(
            "settings-too-large",
            f"The settings have {size:,} bytes; {MAX_SETTINGS_BYTES:,} is the most.",
            field="settings",
        )
    return settings
