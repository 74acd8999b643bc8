"""Who belongs to a workspace, in which role; and who can sign in at all, for operators."""

from datetime import datetime

from sqlalchemy import Connection

from firstparty.control.callers import Caller, require_operator, require_role
from firstparty.control.passwords import hash_password
from firstparty.control.revisions import Revision, require_revision
from firstparty.errors import Conflict, NotFound
from firstparty.model.identifiers import random_base62
from firstparty.model.workspaces import Person, Role
from firstparty.store import members, people
from firstparty.store.engine import Store
from firstparty.store.members import Member


def list_members(
    store: Store, caller: Caller, *, workspace_id: str | None, after: str = "", limit: int = 100
) -> list[Member]:
    """The members of a workspace (None: everybody who can sign in, for operators) by id."""
    if workspace_id is None:
        require_operator(caller)
        with store.read() as connection:
            return members.list_accounts(connection, after=after, limit=limit)
    require_role(caller, workspace_id, Role.VIEWER, kind="workspace", identifier=workspace_id)
    with store.read() as connection:
        return members.list_members(connection, workspace_id, after=after, limit=limit)


def show_member(store: Store, caller: Caller, person_id: str, *, workspace_id: str) -> Member:
    """One member of a workspace; raises NotFound."""
    require_role(caller, workspace_id, Role.VIEWER, kind="workspace", identifier=workspace_id)
    with store.read() as connection:
        return _load(connection, workspace_id, person_id)


def change_member(
    store: Store,
    caller: Caller,
    person_id: str,
    *,
    workspace_id: str,
    role: Role,
    revision: Revision = None,
    now: datetime,
) -> Member:
    """Give a member another role. Raises Conflict for the last owner, Outdated, NotFound."""
    require_role(caller, workspace_id, Role.OWNER, kind="workspace", identifier=workspace_id)
    with store.write() as connection:
        member = _load(connection, workspace_id, person_id)
        require_revision(member, revision)
        if member.role is not role:
            _keep_an_owner(connection, workspace_id, member)
            members.save_role(connection, workspace_id, person_id, role)
            _audit(
                connection,
                caller,
                "member.changed",
                member,
                workspace_id=workspace_id,
                detail={"role": role, "before": member.role},
                now=now,
            )
        return _load(connection, workspace_id, person_id)


def remove_member(
    store: Store, caller: Caller, person_id: str, *, workspace_id: str, now: datetime
) -> Member:
    """Take somebody out of a workspace at once; their account stays. Raises Conflict, NotFound."""
    require_role(caller, workspace_id, Role.OWNER, kind="workspace", identifier=workspace_id)
    with store.write() as connection:
        member = _load(connection, workspace_id, person_id)
        _keep_an_owner(connection, workspace_id, member)
        members.remove_membership(connection, workspace_id, person_id)
        _audit(
            connection,
            caller,
            "member.removed",
            member,
            workspace_id=workspace_id,
            detail={"role": member.role},
            now=now,
        )
    return member


def remove_account(store: Store, caller: Caller, person_id: str, *, now: datetime) -> Member:
    """Forget a person everywhere and end their sessions; for operators. Raises Conflict."""
    require_operator(caller)
    with store.write() as connection:
        account = _load_account(connection, person_id)
        if account.is_operator and members.count_operators(connection) == 1:
            raise Conflict(
                "last-operator", "This is the last operator: invite another one first, then remove."
            )
        members.remove_account(connection, person_id)
        _audit(connection, caller, "person.removed", account, workspace_id=None, detail={}, now=now)
    return account


def reset_password(store: Store, caller: Caller, person_id: str, *, now: datetime) -> str:
    """A new password for somebody who lost theirs, told once; for operators.

    It ends every session of theirs.
    """
    require_operator(caller)
    password = "-".join(random_base62(6) for _ in range(4))
    password_hash = hash_password(password)
    with store.write() as connection:
        account = _load_account(connection, person_id)
        members.save_password(connection, person_id, password_hash)
        _audit(
            connection,
            caller,
            "person.password-reset",
            account,
            workspace_id=None,
            detail={},
            now=now,
        )
    return password


def _load(connection: Connection, workspace_id: str, person_id: str) -> Member:
    member = members.load_member(connection, workspace_id, person_id)
    if member is None:
        raise NotFound("person", person_id)
    return member


def _load_account(connection: Connection, person_id: str) -> Member:
    person: Person | None = people.load_person(connection, person_id)
    if person is None:
        raise NotFound("person", person_id)
    return Member(
        person_id=person.id,
        email=person.email,
        role=None,
        is_operator=person.is_operator,
        created_at=person.created_at,
    )


def _keep_an_owner(connection: Connection, workspace_id: str, member: Member) -> None:
    if member.role is Role.OWNER and members.count_owners(connection, workspace_id) == 1:
        raise Conflict(
            "last-owner",
            f"{member.email} is the workspace's last owner: make somebody else one first.",
        )


def _audit(
    connection: Connection,
    caller: Caller,
    action: str,
    member: Member,
    *,
    workspace_id: str | None,
    detail: dict[str, object],
    now: datetime,
) -> None:
    people.add_audit(
        connection,
        at=now,
        workspace_id=workspace_id,
        actor=caller.actor,
        action=action,
        subject=member.person_id,
        detail={"email": member.email, **detail},
    )
