"""Domains: asked for, checked, paused, resumed, removed. All of it is intent; nothing is observed.

Rules of who may have which name: ``model.names`` for the name itself, ``control.clashes`` for what
is there already.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from firstparty.control.callers import Caller, require_role
from firstparty.control.clashes import refuse_name_clash, refuse_sources
from firstparty.control.domain_requests import DomainRequest, parse_request
from firstparty.control.ending import end_move
from firstparty.control.plans import refuse_beyond_plan
from firstparty.control.revisions import Revision, require_revision
from firstparty.control.rules import Rules
from firstparty.control.views import DomainView, load_views
from firstparty.errors import Conflict, Forbidden, NotFound, Refused
from firstparty.model.domains import Domain
from firstparty.model.names import (
    canonical_name,
)
from firstparty.model.status import Intent
from firstparty.model.workspaces import Role, Workspace
from firstparty.store import domains, work, workspaces
from firstparty.store.domains import DomainFilter
from firstparty.store.engine import Store
from firstparty.store.people import add_audit


def request_domain(
    store: Store,
    caller: Caller,
    *,
    workspace_id: str,
    asked: DomainRequest,
    rules: Rules,
    now: datetime,
) -> DomainView:
    """Ask for a domain; the records to add are in the answer.

    Raises Refused with the field and the rule, Conflict where a name or a source is taken,
    NotFound for a workspace or source that is not there or not the caller's.
    """
    return request_domains(store, caller, asked=[(workspace_id, asked)], rules=rules, now=now)[0]


def request_domains(
    store: Store,
    caller: Caller,
    *,
    asked: Sequence[tuple[str, DomainRequest]],
    rules: Rules,
    now: datetime,
) -> list[DomainView]:
    """Ask for several domains, each in a workspace: all of them or, if one is refused, none.

    Raises what ``request_domain`` raises, with the name of the domain that it is about.
    """
    for workspace_id in dict.fromkeys(workspace_id for workspace_id, _ in asked):
        require_role(caller, workspace_id, Role.EDITOR, kind="workspace", identifier=workspace_id)
    with store.write() as connection:
        # One request of a workspace at a time: what is checked here stays true until it is stored.
        # In their order, so that two requests never wait for each other.
        homes = {
            workspace_id: workspaces.lock_workspace(connection, workspace_id)
            for workspace_id in sorted({workspace_id for workspace_id, _ in asked})
        }
        made = []
        for number, (workspace_id, request) in enumerate(asked):
            home = homes[workspace_id]
            if home is None:
                raise NotFound("workspace", workspace_id)
            with _said_of(number if len(asked) > 1 else None, request.name):
                made.append(_request(connection, caller, home, request, rules, now))
        return load_views(connection, made, rules)


@contextmanager
def _said_of(number: int | None, name: str) -> Iterator[None]:
    """Of several: say which one was refused."""
    try:
        yield
    except Refused as refused:
        if number is None or isinstance(refused, (NotFound, Forbidden)):
            raise
        field = f"domains.{number}.{refused.field or 'name'}"
        raise type(refused)(refused.code, f"{name}: {refused.sentence}", field=field) from refused


def _request(
    connection: Connection,
    caller: Caller,
    workspace: Workspace,
    asked: DomainRequest,
    rules: Rules,
    now: datetime,
) -> Domain:
    domain = parse_request(asked, workspace_id=workspace.id, rules=rules, now=now)
    refuse_beyond_plan(connection, workspace, domain)
    refuse_name_clash(connection, domain)
    refuse_sources(connection, domain)
    domains.add_domain(connection, domain)
    work.start_work(connection, domain.id, now=now)
    add_audit(
        connection,
        at=now,
        workspace_id=workspace.id,
        actor=caller.actor,
        action="domain.requested",
        subject=domain.id,
        detail={"name": domain.name, "mode": domain.mode, "sources": list(domain.source_ids)},
    )
    return domain


def list_domains(
    store: Store,
    caller: Caller,
    *,
    workspace_id: str,
    rules: Rules,
    only: DomainFilter = DomainFilter(),  # noqa: B008 - it is immutable
    after: str = "",
    limit: int = 100,
) -> list[DomainView]:
    """The domains of a workspace by id, from after a cursor; not those that are gone.

    Names in ``only`` count in whatever case they are written.
    """
    require_role(caller, workspace_id, Role.VIEWER, kind="workspace", identifier=workspace_id)
    with store.read() as connection:
        found = domains.list_present_domains(
            connection,
            workspace_id,
            only=replace(
                only,
                name=None if only.name is None else canonical_name(only.name),
                part=only.part.strip().lower(),
            ),
            after=after,
            limit=limit,
        )
        return load_views(connection, found, rules)


def show_domain(store: Store, caller: Caller, domain_id: str, *, rules: Rules) -> DomainView:
    """One domain, also a removed one; raises NotFound."""
    with store.read() as connection:
        domain = _load(connection, caller, domain_id, Role.VIEWER)
        return load_views(connection, [domain], rules)[0]


def check_domain(
    store: Store, caller: Caller, domain_id: str, *, rules: Rules, now: datetime
) -> DomainView:
    """Have the reconciler look at the domain now; raises Conflict for one not active."""
    with store.write() as connection:
        domain = _load(connection, caller, domain_id, Role.EDITOR)
        if domain.intent is Intent.PAUSED:
            raise Conflict(
                "domain-paused", f"{domain.name} is paused: resume it, and it is checked at once."
            )
        _refuse_removed(domain)
        work.wake(connection, domain.id, now=now)
        return load_views(connection, [domain], rules)[0]


def pause_domain(
    store: Store, caller: Caller, domain_id: str, *, rules: Rules, now: datetime
) -> DomainView:
    """Keep everything, do nothing. Pausing a paused domain changes nothing."""
    return _change(store, caller, domain_id, Intent.PAUSED, rules=rules, now=now)


def resume_domain(
    store: Store, caller: Caller, domain_id: str, *, rules: Rules, now: datetime
) -> DomainView:
    """Go on after a pause, with a look at once."""
    return _change(store, caller, domain_id, Intent.ACTIVE, rules=rules, now=now)


def remove_domain(
    store: Store,
    caller: Caller,
    domain_id: str,
    *,
    revision: Revision = None,
    rules: Rules,
    now: datetime,
    drains: bool = True,
) -> DomainView:
    """Serve it until nobody asks any more, then forget it; the claim stays as a tombstone.

    Unless it ``drains``: then it goes at once, also where it was draining. Raises Outdated,
    NotFound.
    """
    return _change(
        store,
        caller,
        domain_id,
        Intent.REMOVED,
        revision=revision,
        rules=rules,
        now=now,
        drains=drains,
    )


def _change(  # noqa: PLR0913 - every one of them differs by operation
    store: Store,
    caller: Caller,
    domain_id: str,
    intent: Intent,
    *,
    revision: Revision = None,
    rules: Rules,
    now: datetime,
    drains: bool = True,
) -> DomainView:
    with store.write() as connection:
        domain = _load(connection, caller, domain_id, Role.EDITOR)
        require_revision(domain, revision)
        is_hurried = domain.intent is intent and domain.drains and not drains
        if domain.intent is not intent or is_hurried:
            if not is_hurried:
                _refuse_removed(domain)
            if intent is not Intent.REMOVED:
                _refuse_moving(domain)
            domains.save_intent(connection, domain.id, intent, drains=drains)
            if intent is Intent.REMOVED:
                end_move(connection, domain.id, now=now)
            add_audit(
                connection,
                at=now,
                workspace_id=domain.workspace_id,
                actor=caller.actor,
                action=f"domain.{intent}",
                subject=domain.id,
                detail={"name": domain.name, "before": domain.intent, "drains": drains},
            )
            work.wake(connection, domain.id, now=now)
            domain = replace(domain, intent=intent, drains=drains)
        return load_views(connection, [domain], rules)[0]


def _load(connection: Connection, caller: Caller, domain_id: str, role: Role) -> Domain:
    domain = domains.load_domain(connection, domain_id)
    if domain is None:
        raise NotFound("domain", domain_id)
    require_role(caller, domain.workspace_id, role, kind="domain", identifier=domain_id)
    return domain


def _refuse_moving(domain: Domain) -> None:
    if domain.intent is Intent.MOVING:
        raise Conflict(
            "domain-moving",
            f"Another domain takes the place of {domain.name}: remove that one to end the move, or "
            "this one to end it now.",
        )


def _refuse_removed(domain: Domain) -> None:
    if domain.intent is Intent.REMOVED:
        raise Conflict(
            "domain-removed",
            f"{domain.name} is removed, and its records prove nothing any more: ask for it again.",
        )
