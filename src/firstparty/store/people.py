"""People, memberships, sessions, API tokens and the audit log: rows to values and back.

Secrets come in hashed; this module never sees one in the clear.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from firstparty.model.workspaces import Person, Role, Session, Token
from firstparty.store import tables


def add_person(connection: Connection, person: Person) -> None:
    """Store a new person. The e-mail address is in lower case."""
    connection.execute(
        insert(tables.people).values(
            id=person.id,
            email=person.email,
            password_hash=person.password_hash,
            is_operator=person.is_operator,
            created_at=person.created_at,
        )
    )


def count_people(connection: Connection) -> int:
    """How many people there are: none on an empty store."""
    return connection.execute(select(func.count()).select_from(tables.people)).scalar_one()


def find_person(connection: Connection, email: str) -> Person | None:
    """The person with this e-mail address, in lower case."""
    row = connection.execute(select(tables.people).where(tables.people.c.email == email)).first()
    return None if row is None else _person(row)


def load_person(connection: Connection, person_id: str) -> Person | None:
    """The person of this id."""
    row = connection.execute(select(tables.people).where(tables.people.c.id == person_id)).first()
    return None if row is None else _person(row)


def add_membership(connection: Connection, workspace_id: str, person_id: str, role: Role) -> None:
    """Make a person a member of a workspace."""
    connection.execute(
        insert(tables.memberships).values(workspace_id=workspace_id, person_id=person_id, role=role)
    )


def find_role(connection: Connection, workspace_id: str, person_id: str) -> Role | None:
    """The role of a person in a workspace."""
    role = connection.execute(
        select(tables.memberships.c.role).where(
            tables.memberships.c.workspace_id == workspace_id,
            tables.memberships.c.person_id == person_id,
        )
    ).scalar()
    return None if role is None else Role(role)


def list_roles(connection: Connection, person_id: str) -> dict[str, Role]:
    """The roles of a person, by the ids of the workspaces they belong to."""
    rows = connection.execute(
        select(tables.memberships.c.workspace_id, tables.memberships.c.role).where(
            tables.memberships.c.person_id == person_id
        )
    )
    return {row.workspace_id: Role(row.role) for row in rows}


def add_session(connection: Connection, secret_hash: str, session: Session) -> None:
    """Store a signed-in browser."""
    connection.execute(
        insert(tables.sessions).values(
            secret_hash=secret_hash,
            person_id=session.person_id,
            csrf=session.csrf,
            expires_at=session.expires_at,
        )
    )


def find_session(connection: Connection, secret_hash: str, *, now: datetime) -> Session | None:
    """The session of this secret, unless it is over."""
    row = connection.execute(
        select(tables.sessions).where(
            tables.sessions.c.secret_hash == secret_hash, tables.sessions.c.expires_at > now
        )
    ).first()
    if row is None:
        return None
    return Session(person_id=row.person_id, csrf=row.csrf, expires_at=row.expires_at)


def remove_session(connection: Connection, secret_hash: str) -> None:
    """End a session."""
    connection.execute(delete(tables.sessions).where(tables.sessions.c.secret_hash == secret_hash))


def remove_old_sessions(connection: Connection, *, now: datetime) -> None:
    """Forget the sessions that are over."""
    connection.execute(delete(tables.sessions).where(tables.sessions.c.expires_at <= now))


def add_token(connection: Connection, secret_hash: str, token: Token) -> None:
    """Store a new API token."""
    connection.execute(
        insert(tables.tokens).values(
            id=token.id,
            secret_hash=secret_hash,
            name=token.name,
            workspace_id=token.workspace_id,
            role=token.role,
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
        )
    )


def find_token(connection: Connection, secret_hash: str) -> Token | None:
    """The API token of this secret; whether it still counts is the caller's question."""
    row = connection.execute(
        select(tables.tokens).where(tables.tokens.c.secret_hash == secret_hash)
    ).first()
    return None if row is None else _token(row)


def load_token(connection: Connection, token_id: str) -> Token | None:
    """The API token of this id, also a revoked one."""
    row = connection.execute(select(tables.tokens).where(tables.tokens.c.id == token_id)).first()
    return None if row is None else _token(row)


def list_tokens(
    connection: Connection, workspace_id: str | None, *, after: str = "", limit: int = 100
) -> list[Token]:
    """API tokens of a workspace (``None``: operators' ones) by id, from after a cursor."""
    owner = tables.tokens.c.workspace_id
    rows = connection.execute(
        select(tables.tokens)
        .where(
            owner.is_(None) if workspace_id is None else owner == workspace_id,
            tables.tokens.c.id > after,
        )
        .order_by(tables.tokens.c.id)
        .limit(limit)
    )
    return [_token(row) for row in rows]


def revoke_token(connection: Connection, token_id: str, *, now: datetime) -> bool:
    """End an API token; False if there is none of this id, or it ended before."""
    revoked = connection.execute(
        update(tables.tokens)
        .where(tables.tokens.c.id == token_id, tables.tokens.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return revoked.rowcount == 1


def add_audit(
    connection: Connection,
    *,
    at: datetime,
    workspace_id: str | None,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any],
) -> None:
    """Keep who changed what. ``detail`` holds no secrets."""
    connection.execute(
        insert(tables.audit).values(
            at=at,
            workspace_id=workspace_id,
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
        )
    )


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.id,
        email=row.email,
        password_hash=row.password_hash,
        is_operator=row.is_operator,
        created_at=row.created_at,
    )


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        workspace_id=row.workspace_id,
        role=Role(row.role),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
