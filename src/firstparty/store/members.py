"""Who belongs to a workspace, and who is invited to: rows to values and back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select, update

from firstparty.model.workspaces import Invitation, Role
from firstparty.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person as a workspace sees them. ``role`` is None for an account listed by itself."""

    person_id: str
    email: str
    role: Role | None
    is_operator: bool
    created_at: datetime


def list_members(
    connection: Connection, workspace_id: str, *, after: str = "", limit: int = 100
) -> list[Member]:
    """The members of a workspace by id, from after a cursor."""
    rows = connection.execute(
        _members(workspace_id)
        .where(tables.people.c.id > after)
        .order_by(tables.people.c.id)
        .limit(limit)
    )
    return [_member(row) for row in rows]


def load_member(connection: Connection, workspace_id: str, person_id: str) -> Member | None:
    """One member of a workspace."""
    row = connection.execute(_members(workspace_id).where(tables.people.c.id == person_id)).first()
    return None if row is None else _member(row)


def list_accounts(connection: Connection, *, after: str = "", limit: int = 100) -> list[Member]:
    """Everybody who can sign in, by id, from after a cursor."""
    rows = connection.execute(
        select(tables.people, tables.people.c.id.label("person_id"))
        .where(tables.people.c.id > after)
        .order_by(tables.people.c.id)
        .limit(limit)
    )
    return [_member(row) for row in rows]


def count_owners(connection: Connection, workspace_id: str) -> int:
    """How many members are owners."""
    return connection.execute(
        select(func.count())
        .select_from(tables.memberships)
        .where(
            tables.memberships.c.workspace_id == workspace_id,
            tables.memberships.c.role == Role.OWNER,
        )
    ).scalar_one()


def count_operators(connection: Connection) -> int:
    """How many people are operators."""
    return connection.execute(
        select(func.count()).select_from(tables.people).where(tables.people.c.is_operator)
    ).scalar_one()


def save_role(connection: Connection, workspace_id: str, person_id: str, role: Role) -> None:
    """Give a member another role."""
    connection.execute(
        update(tables.memberships)
        .where(
            tables.memberships.c.workspace_id == workspace_id,
            tables.memberships.c.person_id == person_id,
        )
        .values(role=role)
    )


def remove_membership(connection: Connection, workspace_id: str, person_id: str) -> None:
    """Take a person out of a workspace; their account stays."""
    connection.execute(
        delete(tables.memberships).where(
            tables.memberships.c.workspace_id == workspace_id,
            tables.memberships.c.person_id == person_id,
        )
    )


def remove_account(connection: Connection, person_id: str) -> None:
    """Forget a person, their memberships and their sessions."""
    for table in (tables.memberships, tables.sessions):
        connection.execute(delete(table).where(table.c.person_id == person_id))
    connection.execute(delete(tables.people).where(tables.people.c.id == person_id))


def save_password(connection: Connection, person_id: str, password_hash: str) -> None:
    """Give a person another password, and end the sessions that the old one opened."""
    connection.execute(
        update(tables.people)
        .where(tables.people.c.id == person_id)
        .values(password_hash=password_hash)
    )
    connection.execute(delete(tables.sessions).where(tables.sessions.c.person_id == person_id))


def make_operator(connection: Connection, person_id: str) -> None:
    """Let a person do everything everywhere."""
    connection.execute(
        update(tables.people).where(tables.people.c.id == person_id).values(is_operator=True)
    )


def add_invitation(connection: Connection, secret_hash: str, invitation: Invitation) -> None:
    """Store an invitation; an earlier one for the same place and address ends."""
    connection.execute(
        delete(tables.invitations).where(
            or_(
                tables.invitations.c.expires_at <= invitation.created_at,
                (tables.invitations.c.email == invitation.email) & _of(invitation.workspace_id),
            )
        )
    )
    connection.execute(
        insert(tables.invitations).values(
            id=invitation.id,
            secret_hash=secret_hash,
            email=invitation.email,
            workspace_id=invitation.workspace_id,
            role=invitation.role,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
        )
    )


def list_invitations(
    connection: Connection,
    workspace_id: str | None,
    *,
    now: datetime,
    after: str = "",
    limit: int = 100,
) -> list[Invitation]:
    """Invitations to a workspace (None: of operators) that still count, by id."""
    rows = connection.execute(
        select(tables.invitations)
        .where(
            _of(workspace_id),
            tables.invitations.c.expires_at > now,
            tables.invitations.c.id > after,
        )
        .order_by(tables.invitations.c.id)
        .limit(limit)
    )
    return [_invitation(row) for row in rows]


def list_invitations_of(connection: Connection, email: str, *, now: datetime) -> list[Invitation]:
    """The invitations of an address that still count, to any place."""
    rows = connection.execute(
        select(tables.invitations).where(
            tables.invitations.c.email == email, tables.invitations.c.expires_at > now
        )
    )
    return [_invitation(row) for row in rows]


def load_invitation(connection: Connection, invitation_id: str) -> Invitation | None:
    """The invitation of this id."""
    row = connection.execute(
        select(tables.invitations).where(tables.invitations.c.id == invitation_id)
    ).first()
    return None if row is None else _invitation(row)


def find_invitation(
    connection: Connection, secret_hash: str, *, now: datetime
) -> Invitation | None:
    """The invitation with this secret, unless it is over."""
    row = connection.execute(
        select(tables.invitations).where(
            tables.invitations.c.secret_hash == secret_hash, tables.invitations.c.expires_at > now
        )
    ).first()
    return None if row is None else _invitation(row)


def remove_invitation(connection: Connection, invitation_id: str) -> bool:
    """End an invitation; False if somebody else ended it first."""
    removed = connection.execute(
        delete(tables.invitations).where(tables.invitations.c.id == invitation_id)
    )
    return removed.rowcount == 1


def _of(workspace_id: str | None) -> Any:
    column = tables.invitations.c.workspace_id
    return column.is_(None) if workspace_id is None else column == workspace_id


def _members(workspace_id: str) -> Select[Any]:
    return (
        select(tables.people, tables.people.c.id.label("person_id"), tables.memberships.c.role)
        .join(tables.memberships, tables.memberships.c.person_id == tables.people.c.id)
        .where(tables.memberships.c.workspace_id == workspace_id)
    )


def _member(row: Row[Any]) -> Member:
    role = getattr(row, "role", None)
    return Member(
        person_id=row.person_id,
        email=row.email,
        role=None if role is None else Role(role),
        is_operator=row.is_operator,
        created_at=row.created_at,
    )


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        email=row.email,
        workspace_id=row.workspace_id,
        role=Role(row.role),
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
