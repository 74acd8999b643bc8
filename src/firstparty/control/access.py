"""Who is there: sign-in with a password, browser sessions, and API tokens as callers."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from firstparty.control.callers import Caller
from firstparty.control.passwords import is_password
from firstparty.control.throttle import count_try, forget_tries
from firstparty.errors import Refused
from firstparty.model.identifiers import random_base62
from firstparty.model.workspaces import Person, Role, Session
from firstparty.store import people
from firstparty.store.engine import Store

SESSION_LIFETIME: Final = timedelta(days=7)
_SECRET_LENGTH: Final = 43  # 256 bits in base62


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A browser's session: who it is, and what every form of its pages must carry."""

    caller: Caller
    person: Person
    csrf: str


def sign_in(store: Store, *, email: str, password: str, address: str, now: datetime) -> str:
    """The secret of a new session, for the cookie.

    ``address`` is the client's, for the throttle alone. Raises Refused with one and the same
    answer for an unknown account and a wrong password, and TooMany after too many tries.
    """
    email = email.strip().lower()
    with store.write() as connection:
        count_try(connection, account=email, address=address, now=now)
    with store.read() as connection:
        person = people.find_person(connection, email)
    if not is_password(password, None if person is None else person.password_hash) or not person:
        raise Refused(
            "sign-in-failed",
            "This e-mail address and password do not belong together: check both and try again.",
        )
    with store.write() as connection:
        forget_tries(connection, account=email, address=address)
    return open_session_of(store, person, now=now)


def open_session_of(store: Store, person: Person, *, now: datetime) -> str:
    """The secret of a new session of somebody who has shown who they are."""
    secret = random_base62(_SECRET_LENGTH)
    with store.write() as connection:
        people.remove_old_sessions(connection, now=now)
        people.add_session(
            connection,
            hash_secret(secret),
            Session(person_id=person.id, csrf=random_base62(32), expires_at=now + SESSION_LIFETIME),
        )
        people.add_audit(
            connection,
            at=now,
            workspace_id=None,
            actor=_actor(person),
            action="session.opened",
            subject=person.id,
            detail={},
        )
    return secret


def sign_out(store: Store, secret: str) -> None:
    """End the session of this secret; nothing happens if it is over already."""
    with store.write() as connection:
        people.remove_session(connection, hash_secret(secret))


def find_session(store: Store, secret: str, *, now: datetime) -> SignedIn | None:
    """Who is signed in with this secret, unless the session is over."""
    with store.read() as connection:
        session = people.find_session(connection, hash_secret(secret), now=now)
        person = session and people.load_person(connection, session.person_id)
        if not session or not person:
            return None
        return SignedIn(caller=caller_of(connection, person), person=person, csrf=session.csrf)


def find_bearer(store: Store, bearer: str, *, now: datetime) -> Caller | None:
    """Whose API token this is, unless it is unknown, revoked or expired."""
    with store.read() as connection:
        token = people.find_token(connection, hash_secret(bearer))
    if token is None or token.revoked_at is not None:
        return None
    if token.expires_at is not None and token.expires_at <= now:
        return None
    actor = f"token:{token.id}"
    if token.workspace_id is None:
        return Caller(actor=actor, label=token.name, everywhere=token.role)
    return Caller(actor=actor, label=token.name, roles={token.workspace_id: token.role})


def caller_of(connection: Connection, person: Person) -> Caller:
    """A person as a caller, with the roles they have now."""
    return Caller(
        actor=_actor(person),
        label=person.email,
        everywhere=Role.OWNER if person.is_operator else None,
        roles=people.list_roles(connection, person.id),
    )


def hash_secret(secret: str) -> str:
    """What the store keeps of a session's or a token's secret: 256 random bits need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _actor(person: Person) -> str:
    return f"person:{person.id}"
