"""Sources: what sends messages, where its script is and where its messages go."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from firstparty.control.callers import Caller, require_role
from firstparty.control.fields import parse_title
from firstparty.control.rules import Rules
from firstparty.control.settings_json import parse_settings
from firstparty.control.settings_warnings import SettingsWarning, find_warnings
from firstparty.control.source_rules import parse_route, parse_write_key
from firstparty.control.webhook_secrets import secret_for
from firstparty.control.workspaces import ALIAS_LENGTH, show_workspace
from firstparty.csp.device_mode import DeviceModeDestination, list_device_mode
from firstparty.errors import Conflict, NotFound, Refused
from firstparty.model.default_hosts import SEGMENT_APIS, DefaultHosts, build_default_hosts
from firstparty.model.domains import Domain, Mode
from firstparty.model.identifiers import new_identifier, random_base62
from firstparty.model.workspaces import Origin, Role, Source, SourceType, Workspace
from firstparty.snippets.catalogue import build_snippet, find_form
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.html import DEFAULT_GLOBAL, NO_OPTIONS
from firstparty.store import workspaces
from firstparty.store.domains import load_domains_of_sources
from firstparty.store.engine import Store
from firstparty.store.people import add_audit


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """A source as asked for. None: chosen by us (``upstream``: the region's, by settings).

    ``settings`` is a JSON object or its text.
    """

    name: str
    type: SourceType
    region: str = "us"
    upstream: str | None = None
    write_key: str | None = None
    settings: object = field(default_factory=dict)
    origin: Origin = Origin.SELF_HOSTED


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """A source, the domain (not removed) that serves it, and what follows from both.

    ``alias_path`` is the script's path without slash in front and without extension. ``facts``
    has the addresses and what its snippets say; None while there is no domain. ``default_hosts``
    are where visitors go who are not on it. ``warnings`` say
    what is to know of the settings. ``new_secret`` is a webhook's that was made just now.
    """

    source: Source
    alias_path: str
    default_hosts: DefaultHosts
    domain: Domain | None = None
    facts: SnippetFacts | None = None
    warnings: tuple[SettingsWarning, ...] = ()
    new_secret: str = field(default="", repr=False)

    @property
    def old_alias_path(self) -> str:
        """The script's path by the alias before, while it is served; empty: there is none."""
        workspace_alias = self.alias_path.partition("/")[0]
        return f"{workspace_alias}/{self.source.old_alias}" if self.source.old_alias else ""

    @property
    def device_mode(self) -> tuple[DeviceModeDestination, ...]:
        """The destinations that its settings load into the browser: they bypass the domain."""
        if self.source.type is not SourceType.JAVASCRIPT:
            return ()
        return list_device_mode(self.source.settings)


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
    identifier = new_identifier("src")
    secret, sealed = secret_for(upstream, identifier, rules)
    source = Source(
        id=identifier,
        number=0,  # the store gives it
        workspace_id=workspace_id,
        name=parse_title(asked.name, field="name"),
        type=asked.type,
        write_key=parse_write_key(asked.write_key),
        region=region,
        upstream=upstream,
        sealed_secret=sealed,
        alias=random_base62(ALIAS_LENGTH),
        created_at=now,
        settings=parse_settings(asked.settings),
        origin=asked.origin,
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
            detail={
                "name": source.name,
                "type": source.type,
                "upstream": source.upstream,
                "origin": source.origin,
            },
        )
    return replace(build_source_view(source, workspace, None, rules), new_secret=secret)


def list_sources(
    store: Store,
    caller: Caller,
    *,
    workspace_id: str,
    rules: Rules,
    part: str = "",
    after: str = "",
    limit: int = 100,
) -> list[SourceView]:
    """The sources of a workspace, oldest first, from after the source with the id ``after``.

    Given a ``part``, those with it in the name, and the one with this id or write key.
    """
    workspace = show_workspace(store, caller, workspace_id)
    with store.read() as connection:
        number = 0
        if after:
            last = workspaces.load_source(connection, after)
            if last is None or last.workspace_id != workspace_id:
                raise NotFound("source", after)
            number = last.number
        sources = workspaces.list_sources(
            connection, workspace_id, part=part.strip(), after=number, limit=limit
        )
        domains = load_domains_of_sources(connection, [source.id for source in sources])
    return [
        build_source_view(source, workspace, domains.get(source.id), rules) for source in sources
    ]


def show_source(store: Store, caller: Caller, source_id: str, *, rules: Rules) -> SourceView:
    """One source; raises NotFound, also for one of a workspace that the caller has no role in."""
    with store.read() as connection:
        source = workspaces.load_source(connection, source_id)
        if source is None:
            raise NotFound("source", source_id)
        require_role(caller, source.workspace_id, Role.VIEWER, kind="source", identifier=source_id)
        workspace = workspaces.load_workspace(connection, source.workspace_id)
        domains = load_domains_of_sources(connection, [source_id])
    assert workspace is not None  # a foreign key holds it
    return build_source_view(source, workspace, domains.get(source_id), rules)


def show_snippet(
    view: SourceView,
    form: str,
    *,
    is_standard: bool,
    global_name: str,
    load_options: Mapping[str, Any] = NO_OPTIONS,
    has_page_call: bool = True,
) -> str:
    """The code to copy for a source; raises Refused for what the form cannot be or has not.

    Raises Conflict while the source has no domain: then there is no host to name.
    """
    facts = require_facts(view)
    if not find_form(form).is_html and (is_standard or global_name != DEFAULT_GLOBAL):
        raise Refused(
            "option-not-of-form",
            "The path and the global's name can be chosen for the html forms alone: leave them "
            "out.",
            field="path" if is_standard else "global",
        )
    if not find_form(form).is_html and (load_options or not has_page_call):
        raise Refused(
            "option-not-of-form",
            "Load options and the page call are for the html forms alone: leave them out.",
            field="load_options" if load_options else "page_call",
        )
    return build_snippet(
        form,
        facts,
        is_standard=is_standard,
        global_name=global_name,
        load_options=load_options,
        has_page_call=has_page_call,
    )


def parse_load_options(text: str) -> dict[str, Any]:
    """Load options as JSON text, an object; raises Refused with the place and the reason."""
    try:
        options = json.loads(text) if text else {}
    except ValueError as error:
        raise Refused(
            "bad-load-options", f"The load options are no JSON: {error}.", field="load_options"
        ) from error
    if not isinstance(options, dict):
        raise Refused(
            "bad-load-options", "The load options are one JSON object, {…}.", field="load_options"
        )
    return options


def require_facts(view: SourceView) -> SnippetFacts:
    """The addresses of a source; raises Conflict while no domain gives it any."""
    if view.facts is None:
        raise Conflict(
            "source-without-domain",
            f"{view.source.name} has no domain yet, so its snippet has no host to name: "
            "add a domain with this source first.",
        )
    return view.facts


def build_proxy_facts(source: Source, domain: Domain) -> SnippetFacts:
    """The facts of a source behind a proxy of its owner's: it knows the standard paths alone."""
    return SnippetFacts(
        write_key=source.write_key,
        cdn_host=domain.cdn_host,
        api_host=domain.api_host,
        alias=f"analytics.js/v1/{source.write_key}/analytics",
        # Segment's settings name Segment's API; ours are switched once the proxy has passed.
        says_api_host=source.upstream in SEGMENT_APIS,
    )


def build_source_view(
    source: Source, workspace: Workspace, domain: Domain | None, rules: Rules
) -> SourceView:
    """Put together what people see of a source."""
    alias_path = f"{workspace.alias}/{source.alias}"
    facts = None
    if domain is not None and domain.mode is Mode.PROXY:
        facts = build_proxy_facts(source, domain)
    elif domain is not None:
        facts = SnippetFacts(
            write_key=source.write_key,
            cdn_host=domain.cdn_host,
            api_host=domain.api_host,
            alias=alias_path,
            https_port=rules.https_port,
        )
    return SourceView(
        source=source,
        alias_path=alias_path,
        default_hosts=build_default_hosts(
            upstream=source.upstream,
            service_domain=rules.service_domain,
            https_port=rules.https_port,
        ),
        domain=domain,
        facts=facts,
        warnings=find_warnings(source, rules.upstreams),
    )
