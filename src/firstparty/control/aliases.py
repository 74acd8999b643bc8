"""A source's alias, and another one in its place: both are served until the old one is dropped."""

from dataclasses import replace
from datetime import datetime

from firstparty.control.callers import Caller
from firstparty.control.rules import Rules
from firstparty.control.source_editing import edit_source
from firstparty.control.sources import SourceView
from firstparty.control.workspaces import ALIAS_LENGTH
from firstparty.errors import Conflict
from firstparty.model.identifiers import random_base62
from firstparty.model.workspaces import Source
from firstparty.store.engine import Store


def rotate_alias(
    store: Store, caller: Caller, source_id: str, *, rules: Rules, now: datetime
) -> SourceView:
    """Give a source a new alias; pages with the old one go on working until it is dropped.

    Raises Conflict while an earlier one is still served: a page may have that one too.
    """
    return edit_source(
        store, caller, source_id, _rotate, action="source.alias-rotated", rules=rules, now=now
    )


def drop_old_alias(
    store: Store, caller: Caller, source_id: str, *, rules: Rules, now: datetime
) -> SourceView:
    """Serve the old alias no more: pages that still have it get no script. Raises Conflict."""
    return edit_source(
        store, caller, source_id, _drop, action="source.alias-dropped", rules=rules, now=now
    )


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
