"""Invitations: a link that gives one person a place. Nobody becomes a member without using one.

That somebody has an account here already is never told to whoever invites them; and an account
that a stranger made under somebody's address gets no place of theirs, since it has not the link.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from firstparty.control.access import hash_secret
from firstparty.control.callers import SYSTEM, Caller, require_operator, require_role
from firstparty.control.passwords import hash_password, is_password
from firstparty.control.people import parse_email
from firstparty.control.throttle import count_try, forget_tries
from firstparty.errors import NotFound, Refused
from firstparty.model.identifiers import new_identifier, random_base62
from firstparty.model.workspaces import Invitation, Person, Role
from firstparty.store import members, people
from firstparty.store.engine import Store
from firstparty.store.workspaces import load_workspace

LIFETIME: Final = timedelta(days=7)
_SECRET_LENGTH: Final = 43  # 256 bits in base62
_OVER: Final = "This invitation is used, withdrawn or expired: ask for another one."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvitation:
    """An invitation and its secret, which cannot be shown again."""

    invitation: Invitation
    secret: str = field(repr=False)

    @property
    def path(self) -> str:
        """Where its link leads, under the console's address."""
        return f"/invitations/{self.secret}"


def invite(
    store: Store,
    caller: Caller,
    *,
    workspace_id: str | None,
    email: str,
    role: Role,
    now: datetime,
) -> NewInvitation:
    """Invite somebody to a workspace; None: to be an operator, which takes one.

    Another invitation of the same address to the same place ends the one before. Raises NotFound,
    Forbidden, and Refused for what is no address.
    """
    if workspace_id is None:
        require_operator(caller)
        role = Role.OWNER
    else:
        require_role(caller, workspace_id, Role.OWNER, kind="workspace", identifier=workspace_id)
    made = _build(email=parse_email(email), workspace_id=workspace_id, role=role, now=now)
    with store.write() as connection:
        if workspace_id is not None and load_workspace(connection, workspace_id) is None:
            raise NotFound("workspace", workspace_id)
        _add(connection, caller, made)
    return made


def invite_first_operator(store: Store, *, now: datetime) -> NewInvitation | None:
    """The one invitation of an installation where nobody can sign in; None if one is open."""
    made = _build(email="", workspace_id=None, role=Role.OWNER, now=now)
    with store.write() as connection:
        if people.count_people(connection) or members.list_invitations(connection, None, now=now):
            return None
        _add(connection, SYSTEM, made)
    return made


def list_invitations(
    store: Store,
    caller: Caller,
    *,
    workspace_id: str | None,
    now: datetime,
    after: str = "",
    limit: int = 100,
) -> list[Invitation]:
    """The open invitations to a workspace (None: of operators) by id."""
    if workspace_id is None:
        require_operator(caller)
    else:
        require_role(caller, workspace_id, Role.OWNER, kind="workspace", identifier=workspace_id)
    with store.read() as connection:
        return members.list_invitations(connection, workspace_id, now=now, after=after, limit=limit)


def withdraw_invitation(
    store: Store, caller: Caller, invitation_id: str, *, now: datetime
) -> Invitation:
    """End an invitation that nobody took; raises NotFound where there is none (any more)."""
    with store.write() as connection:
        found = members.load_invitation(connection, invitation_id)
        if found is None or (found.workspace_id is None and caller.everywhere is None):
            raise NotFound("invitation", invitation_id)
        if found.workspace_id is None:
            require_operator(caller)
        else:
            require_role(
                caller, found.workspace_id, Role.OWNER, kind="invitation", identifier=invitation_id
            )
        members.remove_invitation(connection, invitation_id)
        _audit(connection, caller.actor, "invitation.withdrawn", found, now=now)
    return found


def show_invitation(store: Store, secret: str, *, now: datetime) -> Invitation:
    """The invitation of a link; raises Refused once it is over."""
    with store.read() as connection:
        found = members.find_invitation(connection, hash_secret(secret), now=now)
    if found is None:
        raise Refused("invitation-over", _OVER)
    return found


def accept_invitation(
    store: Store, *, secret: str, email: str, password: str, address: str, now: datetime
) -> Person:
    """Take the place that the secret gives, with a new account or the one of this address.

    ``password`` becomes a new account's, or must be that of the account there is. ``email`` counts
    where the invitation names none. ``address`` is the client's, for the throttle alone. Raises
    Refused, and TooMany after too many tries.
    """
    invitation = show_invitation(store, secret, now=now)
    email = invitation.email or parse_email(email)
    with store.write() as connection:
        count_try(connection, account=email, address=address, now=now)
    with store.read() as connection:
        known = people.find_person(connection, email)
    if known is not None and not is_password(password, known.password_hash):
        raise Refused(
            "password-wrong",
            f"Somebody signs in here as {email} already: give that account's password.",
            field="password",
        )
    person = known or Person(
        id=new_identifier("per"),
        email=email,
        password_hash=hash_password(password),
        is_operator=invitation.workspace_id is None,
        created_at=now,
    )
    with store.write() as connection:
        if not members.remove_invitation(connection, invitation.id):
            raise Refused("invitation-over", _OVER)
        if known is None:
            people.add_person(connection, person)
        _give_place(connection, invitation, person)
        forget_tries(connection, account=email, address=address)
        _audit(connection, f"person:{person.id}", "invitation.accepted", invitation, now=now)
    return person


def accept_for(store: Store, *, email: str, now: datetime) -> None:
    """Take every invitation of an address that somebody else vouches for; a new account if need be.

    Such an account has no password: its person signs in as they did now.
    """
    with store.write() as connection:
        found = members.list_invitations_of(connection, email, now=now)
        if not found:
            return
        person = people.find_person(connection, email)
        if person is None:
            person = Person(
                id=new_identifier("per"),
                email=email,
                password_hash="",
                is_operator=False,
                created_at=now,
            )
            people.add_person(connection, person)
        for invitation in found:
            members.remove_invitation(connection, invitation.id)
            _give_place(connection, invitation, person)
            _audit(connection, f"person:{person.id}", "invitation.accepted", invitation, now=now)


def _give_place(connection: Connection, invitation: Invitation, person: Person) -> None:
    if invitation.workspace_id is None:
        members.make_operator(connection, person.id)
    elif people.find_role(connection, invitation.workspace_id, person.id) is None:
        people.add_membership(connection, invitation.workspace_id, person.id, invitation.role)
    else:
        members.save_role(connection, invitation.workspace_id, person.id, invitation.role)


def _build(*, email: str, workspace_id: str | None, role: Role, now: datetime) -> NewInvitation:
    return NewInvitation(
        invitation=Invitation(
            id=new_identifier("inv"),
            email=email,
            workspace_id=workspace_id,
            role=role,
            created_at=now,
            expires_at=now + LIFETIME,
        ),
        secret=random_base62(_SECRET_LENGTH),
    )


def _add(connection: Connection, caller: Caller, made: NewInvitation) -> None:
    members.add_invitation(connection, hash_secret(made.secret), made.invitation)
    _audit(
        connection,
        caller.actor,
        "invitation.added",
        made.invitation,
        now=made.invitation.created_at,
    )


def _audit(
    connection: Connection, actor: str, action: str, invitation: Invitation, *, now: datetime
) -> None:
    people.add_audit(
        connection,
        at=now,
        workspace_id=invitation.workspace_id,
        actor=actor,
        action=action,
        subject=invitation.id,
        detail={"email": invitation.email, "role": invitation.role},
    )
