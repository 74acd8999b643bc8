"""Asking for another key for a domain's zone."""

from datetime import datetime

from firstparty.control.callers import Caller, require_role
from firstparty.control.rules import Rules
from firstparty.control.views import DomainView, load_views
from firstparty.errors import Conflict, NotFound
from firstparty.model.key_rolls import KeyRoll, RollState
from firstparty.model.status import Intent
from firstparty.model.workspaces import Role
from firstparty.store import domains, work, zone_keys
from firstparty.store.engine import Store
from firstparty.store.key_rolls import add_key_roll, load_key_roll
from firstparty.store.people import add_audit


def roll_key(
    store: Store, caller: Caller, domain_id: str, *, rules: Rules, now: datetime
) -> DomainView:
    """Have the key of a domain's zone replaced by a new one, step by step.

    Raises NotFound, and Conflict where there is no key, or another is under way.
    """
    with store.write() as connection:
        domain = domains.load_domain(connection, domain_id)
        if domain is None:
            raise NotFound("domain", domain_id)
        require_role(caller, domain.workspace_id, Role.EDITOR, kind="domain", identifier=domain_id)
        if domain.intent is Intent.REMOVED:
            raise Conflict("domain-removed", f"{domain.name} is removed, and so is its zone.")
        if not zone_keys.has_zone_key(connection, domain_id):
            raise Conflict(
                "zone-not-signed",
                f"{domain.name} has no zone of ours that is signed: only a domain by delegation "
                "has one, once its records were found.",
            )
        if load_key_roll(connection, domain_id) is not None:
            raise Conflict(
                "key-roll-under-way", f"The key of {domain.name} is being replaced already."
            )
        add_key_roll(connection, KeyRoll(domain_id=domain_id, state=RollState.ASKED, since=now))
        work.wake(connection, domain_id, now=now)
        add_audit(
            connection,
            at=now,
            workspace_id=domain.workspace_id,
            actor=caller.actor,
            action="domain.key_rolled",
            subject=domain_id,
            detail={"name": domain.name},
        )
        return load_views(connection, [domain], rules)[0]
