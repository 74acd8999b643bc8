"""Changing a source: its settings, their origin, its rules. The edge learns at once."""

from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from firstparty.control.callers import Caller
from firstparty.control.privacy import check_privacy
from firstparty.control.revisions import Revision, require_revision
from firstparty.control.rules import Rules
from firstparty.control.settings_json import parse_settings
from firstparty.control.source_editing import load_to_edit
from firstparty.control.source_rules import parse_script_version
from firstparty.control.sources import SourceView, build_source_view
from firstparty.model.privacy import PrivacyRules
from firstparty.model.workspaces import Origin, Source
from firstparty.store import work, workspaces
from firstparty.store.engine import Store
from firstparty.store.people import add_audit


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChange:
    """What to change; None: leave it. ``settings`` is an object or its text, taken whole."""

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
        changed = apply_change(source, change)
        if changed != source:
            workspaces.save_source(connection, changed)
            add_audit(
                connection,
                at=now,
                workspace_id=source.workspace_id,
                actor=caller.actor,
                action="source.changed",
                subject=source.id,
                detail={
                    "name": source.name,
                    "settings": changed.settings != source.settings,
                    "origin": changed.origin,
                    "origin_before": source.origin,
                    "privacy": msgspec.to_builtins(changed.privacy),
                    "messages_per_second": changed.messages_per_second,
                    "script_version": changed.script_version,
                },
            )
            if domain is not None:
                work.wake(connection, domain.id, now=now)
    return build_source_view(changed, workspace, domain, rules)


def apply_change(source: Source, change: SourceChange) -> Source:
    """The source as it is to be; raises Refused."""
    settings = source.settings if change.settings is None else parse_settings(change.settings)
    privacy = source.privacy if change.privacy is None else check_privacy(change.privacy)
    rate = change.messages_per_second
    return replace(
        source,
        settings=settings,
        origin=change.origin or source.origin,
        script_version=source.script_version
        if change.script_version is None
        else parse_script_version(change.script_version),
        privacy=privacy,
        messages_per_second=source.messages_per_second if rate is None else rate,
    )
