"""Changing a source: where its messages go, its settings, its rules. The edge learns at once."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec

from firstparty.control.callers import Caller
from firstparty.control.fields import parse_title
from firstparty.control.privacy import check_privacy
from firstparty.control.revisions import Revision, require_revision
from firstparty.control.rules import Rules
from firstparty.control.settings_json import parse_settings
from firstparty.control.source_editing import load_to_edit, save_edited
from firstparty.control.source_rules import parse_route, parse_script_version
from firstparty.control.sources import SourceView, build_source_view
from firstparty.control.webhook_secrets import is_webhook, new_secret
from firstparty.model.privacy import PrivacyRules
from firstparty.model.workspaces import Origin, Source
from firstparty.store.engine import Store

MAX_RATE: Final = 1_000_000  # messages a second


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChange:
    """What to change; None: leave it. ``settings`` is an object or its text, taken whole.

    An empty ``upstream`` is the region's own.
    """

    name: str | None = None
    region: str | None = None
    upstream: str | None = None
    settings: object = None
    origin: Origin | None = None
    privacy: PrivacyRules | None = None
    messages_per_second: int | None = None
    script_version: str | None = None


def change_source(
    store: Store,
    caller: Caller,
    source_id: str,
    *,
    change: SourceChange,
    revision: Revision = None,
    rules: Rules,
    now: datetime,
) -> SourceView:
    """Change a source, and have the reconciler publish it; raises Refused, and all stays as it was.

    A change to what is there already does nothing. Raises Outdated where the source is not of the
    ``revision`` that the change was made for.
    """
    with store.write() as connection:
        source, workspace, domain = load_to_edit(connection, caller, source_id)
        require_revision(source, revision)
        changed = apply_change(source, change, rules)
        changed, secret = _with_secret(changed, source, rules)
        if changed != source:
            save_edited(
                connection,
                caller,
                changed,
                domain,
                action="source.changed",
                detail={
                    "name": changed.name,
                    "name_before": source.name,
                    "region": changed.region,
                    "region_before": source.region,
                    "upstream": changed.upstream,
                    "upstream_before": source.upstream,
                    "settings": changed.settings != source.settings,
                    "origin": changed.origin,
                    "origin_before": source.origin,
                    "privacy": msgspec.to_builtins(changed.privacy),
                    "messages_per_second": changed.messages_per_second,
                    "script_version": changed.script_version,
                },
                now=now,
            )
    return replace(build_source_view(changed, workspace, domain, rules), new_secret=secret)


def apply_change(source: Source, change: SourceChange, rules: Rules) -> Source:
    """The source as it is to be; raises Refused."""
    settings = source.settings if change.settings is None else parse_settings(change.settings)
    privacy = source.privacy if change.privacy is None else check_privacy(change.privacy)
    rate = change.messages_per_second
    region, upstream = _parse_route(source, change, rules)
    return replace(
        source,
        name=source.name if change.name is None else parse_title(change.name, field="name"),
        region=region,
        upstream=upstream,
        settings=settings,
        origin=change.origin or source.origin,
        script_version=source.script_version
        if change.script_version is None
        else parse_script_version(change.script_version),
        privacy=privacy,
        messages_per_second=source.messages_per_second if rate is None else rate,
    )


def _parse_route(source: Source, change: SourceChange, rules: Rules) -> tuple[str, str]:
    """Where its messages go: what was the region's own upstream follows the region."""
    if change.region is None and change.upstream is None:
        return source.region, source.upstream
    upstream = change.upstream
    if upstream is None and source.upstream != rules.upstreams.get(source.region):
        upstream = source.upstream
    region = source.region if change.region is None else change.region
    return parse_route(region, upstream or None, rules)


def _with_secret(changed: Source, before: Source, rules: Rules) -> tuple[Source, str]:
    """A webhook has a secret, what is none has not. A new one is told, too."""
    if not is_webhook(changed.upstream):
        return replace(changed, sealed_secret=b"", sealed_old_secret=b""), ""
    if is_webhook(before.upstream):
        return changed, ""
    secret, sealed = new_secret(changed.id, rules)
    return replace(changed, sealed_secret=sealed), secret
