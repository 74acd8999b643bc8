"""Moving: a new domain takes the place of an old one, with the same sources."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from firstparty.control.callers import Caller, require_role
from firstparty.control.clashes import refuse_name_clash
from firstparty.control.domain_requests import DomainRequest, parse_request
from firstparty.control.plans import refuse_beyond_plan
from firstparty.control.rules import Rules
from firstparty.control.views import DomainView, load_views
from firstparty.errors import Conflict, NotFound, Refused
from firstparty.model.domains import Domain, Mode
from firstparty.model.moves import Move
from firstparty.model.status import Intent
from firstparty.model.workspaces import Role
from firstparty.store import domains, work, workspaces
from firstparty.store.engine import Store
from firstparty.store.moves import add_move
from firstparty.store.people import add_audit


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRequest:
    """The domain that is to take another's place. Labels: None is those of the old domain."""

    name: str
    mode: Mode = Mode.DELEGATION
    cdn_label: str | None = None
    api_label: str | None = None


def move_domain(
    store: Store,
    caller: Caller,
    domain_id: str,
    *,
    asked: MoveRequest,
    rules: Rules,
    now: datetime,
) -> DomainView:
    """Ask for a domain that takes this one's place; the records to add are in the answer.

    Raises what asking for a domain raises, and Conflict where this one is not there to be moved.
    """
    with store.write() as connection:
        old = domains.load_domain(connection, domain_id)
        if old is None:
            raise NotFound("domain", domain_id)
        require_role(caller, old.workspace_id, Role.EDITOR, kind="domain", identifier=domain_id)
        home = workspaces.lock_workspace(connection, old.workspace_id)
        assert home is not None  # a foreign key holds it
        _refuse_immovable(connection, old)
        new = _parse_successor(old, asked, rules=rules, now=now)
        refuse_beyond_plan(connection, home, new, instead_of=1)
        refuse_name_clash(connection, new)
        domains.add_domain(connection, new)
        work.start_work(connection, new.id, now=now)
        add_move(connection, Move(old_id=old.id, new_id=new.id, changed_at=now))
        domains.save_intent(connection, old.id, Intent.MOVING)
        work.wake(connection, old.id, now=now)
        add_audit(
            connection,
            at=now,
            workspace_id=old.workspace_id,
            actor=caller.actor,
            action="domain.moved",
            subject=old.id,
            detail={"name": old.name, "to": new.name, "new": new.id},
        )
        return load_views(connection, [new], rules)[0]


def _refuse_immovable(connection: Connection, old: Domain) -> None:
    match old.intent:
        case Intent.ACTIVE:
            pass
        case Intent.MOVING:
            raise Conflict(
                "domain-moving",
                f"Another domain takes the place of {old.name} already: remove that one first.",
            )
        case Intent.PAUSED:
            raise Conflict("domain-paused", f"{old.name} is paused: resume it, then move it.")
        case Intent.REMOVED:
            raise Conflict("domain-removed", f"{old.name} is removed: ask for a new domain.")
    if old.mode is Mode.PROXY:
        raise Conflict(
            "proxy-not-moved",
            f"{old.name} leads to a proxy of your own, whose traffic we do not see: add the new "
            "domain with other sources, or remove this one first.",
        )
    if not work.load_observation(connection, old.id).statuses.has_been_live:
        raise Conflict(
            "domain-never-live",
            f"{old.name} was never live, so there is nothing to move: remove it, then ask for the "
            "other name.",
        )


def _parse_successor(old: Domain, asked: MoveRequest, *, rules: Rules, now: datetime) -> Domain:
    if asked.mode is Mode.PROXY:
        raise Refused(
            "mode-not-movable",
            "A domain is moved to one by delegation or by CNAME: choose one of the two.",
            field="mode",
        )
    request = DomainRequest(
        name=asked.name,
        source_ids=old.source_ids,
        mode=asked.mode,
        cdn_label=old.cdn_label if asked.cdn_label is None else asked.cdn_label,
        api_label=old.api_label if asked.api_label is None else asked.api_label,
        has_csp=old.has_csp,
        description=old.description,
    )
    return parse_request(request, workspace_id=old.workspace_id, rules=rules, now=now)
