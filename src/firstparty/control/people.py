"""People: who may sign in, and the first operator of an empty installation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from firstparty.control.callers import SYSTEM, Caller, require_operator, require_role
from firstparty.control.passwords import hash_password
from firstparty.errors import Conflict, NotFound, Refused
from firstparty.model.identifiers import new_identifier, random_base62
from firstparty.model.workspaces import Person, Role
from firstparty.store import people
from firstparty.store.engine import Store
from firstparty.store.workspaces import load_workspace

_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f]{1,64}@[^\s@\x00-\x1f]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOperator:
    """What is told once, to whoever started an empty installation."""

    person_id: str
    email: str
    password: str = field(repr=False)


def create_person(
    store: Store,
    caller: Caller,
    *,
    email: str,
    password: str,
    is_operator: bool = False,
    roles: Mapping[str, Role] | None = None,
    now: datetime,
) -> Person:
    """Let somebody sign in. ``roles`` maps the ids of workspaces to what they may do there.

    An operator may make anybody; an owner of every workspace named may make its members.
    Raises Refused for a bad address or password, Conflict where the address is in use.
    """
    roles = roles or {}
    if is_operator or not roles:
        require_operator(caller)
    for workspace_id in roles:
        require_role(caller, workspace_id, Role.OWNER, kind="workspace", identifier=workspace_id)
    address = parse_email(email)
    password_hash = hash_password(password)
    with store.write() as connection:
        for workspace_id in roles:
            if load_workspace(connection, workspace_id) is None:
                raise NotFound("workspace", workspace_id)
        if people.find_person(connection, address) is not None:
            raise Conflict(
                "email-in-use", f"Somebody signs in as {address} already.", field="email"
            )
        person = Person(
            id=new_identifier("per"),
            email=address,
            password_hash=password_hash,
            is_operator=is_operator,
            created_at=now,
        )
        _add(connection, caller, person, roles)
    return person


def ensure_first_operator(store: Store, *, email: str, now: datetime) -> FirstOperator | None:
    """Create the first operator of an empty store; None if there is anybody already.

    The password is random and in the answer alone: print it once. Several processes may start at
    once: one of them gets the answer.
    """
    with store.read() as connection:
        if people.count_people(connection):
            return None
    password = "-".join(random_base62(6) for _ in range(4))
    person = Person(
        id=new_identifier("per"),
        email=parse_email(email),
        password_hash=hash_password(password),
        is_operator=True,
        created_at=now,
    )
    with store.write() as connection:
        if people.count_people(connection):
            return None
        _add(connection, SYSTEM, person, {})
    return FirstOperator(person_id=person.id, email=person.email, password=password)


def parse_email(text: str) -> str:
    """The address in lower case; raises Refused for what cannot be one."""
    address = text.strip().lower()
    if not _EMAIL.fullmatch(address):
        raise Refused(
            "email-invalid",
            "This is not an e-mail address: it needs a name, an @ and a domain.",
            field="email",
        )
    return address


def _add(connection: Connection, caller: Caller, person: Person, roles: Mapping[str, Role]) -> None:
    people.add_person(connection, person)
    for workspace_id, role in roles.items():
        people.add_membership(connection, workspace_id, person.id, role)
    people.add_audit(
        connection,
        at=person.created_at,
        workspace_id=None,
        actor=caller.actor,
        action="person.added",
        subject=person.id,
        detail={"operator": person.is_operator, "roles": dict(roles)},
    )
