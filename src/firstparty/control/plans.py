"""Plans: what the operator lets a workspace use, and the refusal of what is beyond."""

from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection

from firstparty.control.callers import Caller, require_operator
from firstparty.errors import Conflict, NotFound, Refused
from firstparty.model.domains import Domain
from firstparty.model.plans import Plan
from firstparty.model.workspaces import Workspace
from firstparty.store import workspaces
from firstparty.store.domain_counts import count_wanted
from firstparty.store.engine import Store
from firstparty.store.people import add_audit

MAX_DOMAINS: Final = 1_000_000


def set_plan(
    store: Store, caller: Caller, workspace_id: str, plan: Plan, *, now: datetime
) -> Workspace:
    """What the workspace may use from now on; domains that it has stay. Operators only."""
    require_operator(caller)
    if plan.modes is not None and not plan.modes:
        raise Refused(
            "modes-missing", "Name at least one mode, or null for all of them.", field="modes"
        )
    if plan.max_domains is not None and not 0 <= plan.max_domains <= MAX_DOMAINS:
        raise Refused(
            "max-domains-out-of-range",
            f"A workspace may have 0 to {MAX_DOMAINS} domains, or null for no limit.",
            field="max_domains",
        )
    with store.write() as connection:
        workspace = workspaces.lock_workspace(connection, workspace_id)
        if workspace is None:
            raise NotFound("workspace", workspace_id)
        workspaces.save_plan(connection, workspace_id, plan)
        add_audit(
            connection,
            at=now,
            workspace_id=workspace_id,
            actor=caller.actor,
            action="workspace.plan",
            subject=workspace_id,
            detail={
                "before": msgspec.to_builtins(workspace.plan),
                "after": msgspec.to_builtins(plan),
            },
        )
        return replace(workspace, plan=plan)


def refuse_beyond_plan(
    connection: Connection, workspace: Workspace, domain: Domain, *, instead_of: int = 0
) -> None:
    """Raise Refused or Conflict for a domain that the plan does not have.

    ``instead_of`` domains go when this one comes.
    """
    plan = workspace.plan
    if plan.modes is not None and domain.mode not in plan.modes:
        allowed = ", ".join(plan.modes)
        raise Refused(
            "mode-not-in-plan",
            f"This workspace may have domains of mode {allowed}: choose one of them, or ask the "
            "operator of this installation.",
            field="mode",
        )
    if plan.max_domains is None:
        return
    if count_wanted(connection, workspace.id) - instead_of >= plan.max_domains:
        raise Conflict(
            "too-many-domains",
            f"This workspace may have {plan.max_domains} domains and has them: remove one, or ask "
            "the operator of this installation.",
        )
