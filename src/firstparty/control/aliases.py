"""A source's alias, and another one in its place: both are served until the old one is dropped."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from firstparty.control.callers import Caller
from firstparty.control.rules import Rules
from firstparty.control.source_editing import load_to_edit
from firstparty.control.sources import SourceView, build_source_view
from firstparty.control.workspaces import ALIAS_LENGTH
from firstparty.errors import Conflict
from firstparty.model.identifiers import random_base62
from firstparty.model.workspaces import Source
from firstparty.store import work, workspaces
from firstparty.store.engine import Store
from firstparty.store.people import add_audit


def rotate_alias(
    store: Store, caller: Caller, source_id: str, *, rules: Rules, now: datetime
) -> SourceView:
    """Give a source a new alias; pages with the old one go on working until it is dropped.

    Raises Conflict while an earlier one is still served: a page may have that one too.
    """
    return _change(store, caller, source_id, _rotate, "source.alias-rotated", rules, now)


def drop_old_alias(
    store: Store, caller: Caller, source_id: str, *, rules: Rules, now: datetime
) -> SourceView:
    """Serve the old alias no more: pages that still have it get no script. Raises Conflict."""
    return _change(store, caller, source_id, _drop, "source.alias-dropped", rules, now)


def _rotate(source: Source) -> Source:
    if source.old_alias:
        raise Conflict(
            "alias-still-served",
            "The alias before this one is still served: drop it first, once no page has it.",
        )
    return replace(source, alias=random_base62(ALIAS_LENGTH), old_alias=source.alias)


def _drop(source: Source) -> Source:
    if not source.old_alias:
        raise Conflict("no-old-alias", "The source has no old alias: there is nothing to drop.")
    return replace(source, old_alias="")


def _change(
    store: Store,
    caller: Caller,
    source_id: str,
    apply: Callable[[Source], Source],
    action: str,
    rules: Rules,
    now: datetime,
) -> SourceView:
    with store.write() as connection:
        source, workspace, domain = load_to_edit(connection, caller, source_id)
        changed = apply(source)
        workspaces.save_source(connection, changed)
        add_audit(
            connection,
            at=now,
            workspace_id=source.workspace_id,
            actor=caller.actor,
            action=action,
            subject=source.id,
            detail={"name": source.name},
        )
        if domain is not None:
            work.wake(connection, domain.id, now=now)
    return build_source_view(changed, workspace, domain, rules)
