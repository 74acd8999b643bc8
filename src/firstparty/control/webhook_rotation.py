"""Another secret in the place of a webhook's: both sign until the old one is dropped."""

from dataclasses import replace
from datetime import datetime

from firstparty.control.callers import Caller
from firstparty.control.rules import Rules
from firstparty.control.source_editing import edit_source
from firstparty.control.sources import SourceView
from firstparty.control.webhook_secrets import is_webhook, new_secret
from firstparty.errors import Conflict
from firstparty.model.workspaces import Source
from firstparty.store.engine import Store


def rotate_secret(
    store: Store, caller: Caller, source_id: str, *, rules: Rules, now: datetime
) -> SourceView:
    """Give a webhook a new secret, in the answer alone; the old one goes on signing beside it.

    Raises Conflict for a source that goes to no webhook, and while an older one signs still.
    """
    secret = ""

    def rotate(source: Source) -> Source:
        nonlocal secret
        if not is_webhook(source.upstream):
            raise Conflict(
                "no-webhook", "This source's messages go to no webhook: nothing signs them."
            )
        if source.sealed_old_secret:
            raise Conflict(
                "secret-still-signs",
                "The secret before this one signs still: drop it first, once the receiver checks "
                "with the present one.",
            )
        secret, sealed = new_secret(source.id, rules)
        return replace(source, sealed_secret=sealed, sealed_old_secret=source.sealed_secret)

    view = edit_source(
        store, caller, source_id, rotate, action="source.secret-rotated", rules=rules, now=now
    )
    return replace(view, new_secret=secret)


def drop_old_secret(
    store: Store, caller: Caller, source_id: str, *, rules: Rules, now: datetime
) -> SourceView:
    """Sign with the present secret alone. Raises Conflict where there is no old one."""
    return edit_source(
        store, caller, source_id, _drop, action="source.secret-dropped", rules=rules, now=now
    )


def _drop(source: Source) -> Source:
    if not source.sealed_old_secret:
        raise Conflict("no-old-secret", "No old secret signs any more: there is nothing to drop.")
    return replace(source, sealed_old_secret=b"")
