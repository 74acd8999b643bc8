from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.control.access import find_session, sign_in
from firstparty.control.audit import list_audit
from firstparty.control.callers import SYSTEM
from firstparty.control.invitations import (
    LIFETIME,
    accept_invitation,
    invite,
    invite_first_operator,
    list_invitations,
    show_invitation,
    withdraw_invitation,
)
from firstparty.control.members import (
    change_member,
    list_members,
    remove_account,
    remove_member,
    reset_password,
)
from firstparty.control.revisions import revision_of
from firstparty.control.throttle import MAX_TRIES_OF_ACCOUNT
from firstparty.errors import Conflict, Forbidden, NotFound, Outdated, Refused, TooMany
from firstparty.model.workspaces import Person, Role, Workspace
from firstparty.store.audit import AuditFilter
from tests.builders import NOW
from tests.installation import Installation, a_caller, an_installation

ANN, PASSWORD = "ann@shop.test", "correct horse battery staple"


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return an_installation(tmp_path)


def ask(
    here: Installation, workspace: Workspace | None, role: Role = Role.EDITOR, email: str = ANN
) -> str:
    where = None if workspace is None else workspace.id
    return invite(here.store, SYSTEM, workspace_id=where, email=email, role=role, now=NOW).secret


def accept(here: Installation, secret: str, **parts: str) -> Person:
    good = {"email": "", "password": PASSWORD, "address": "192.0.2.1"}
    return accept_invitation(here.store, secret=secret, **(good | parts), now=NOW)


def roles(here: Installation, workspace: Workspace) -> dict[str, Role | None]:
    found = list_members(here.store, SYSTEM, workspace_id=workspace.id)
    return {member.email: member.role for member in found}


def test_nobody_is_a_member_before_they_take_the_invitation(here: Installation) -> None:
    secret = ask(here, here.ours)
    before = roles(here, here.ours)
    accept(here, secret)

    assert before == {}
    assert roles(here, here.ours) == {ANN: Role.EDITOR}
    assert roles(here, here.theirs) == {}


def test_an_invitation_works_once(here: Installation) -> None:
    secret = ask(here, here.ours)
    accept(here, secret)

    with pytest.raises(Refused, match="used, withdrawn or expired"):
        accept(here, secret)


def test_a_second_invitation_ends_the_first(here: Installation) -> None:
    first, second = ask(here, here.ours), ask(here, here.ours, Role.VIEWER)

    with pytest.raises(Refused, match="used, withdrawn or expired"):
        accept(here, first)
    accept(here, second)
    assert roles(here, here.ours) == {ANN: Role.VIEWER}


def test_an_invitation_ends_after_a_week(here: Installation) -> None:
    secret = ask(here, here.ours)
    good = {"secret": secret, "email": "", "password": PASSWORD, "address": "192.0.2.1"}

    with pytest.raises(Refused):
        accept_invitation(here.store, **good, now=NOW + LIFETIME)
    accept_invitation(here.store, **good, now=NOW + LIFETIME - timedelta(seconds=1))


def test_who_has_an_account_gives_its_password(here: Installation) -> None:
    accept(here, ask(here, here.ours))
    secret = ask(here, here.theirs)

    with pytest.raises(Refused) as refused:
        accept(here, secret, password="a password of somebody else")
    assert refused.value.field == "password"
    assert roles(here, here.theirs) == {}
    accept(here, secret)
    assert roles(here, here.theirs) == {ANN: Role.EDITOR}


def test_passwords_of_an_account_cannot_be_guessed_with_its_invitation(here: Installation) -> None:
    accept(here, ask(here, here.ours))
    secret = ask(here, here.theirs)
    for _ in range(MAX_TRIES_OF_ACCOUNT):
        with pytest.raises(Refused):
            accept(here, secret, password="a password of somebody else")

    with pytest.raises(TooMany):
        accept(here, secret)


def test_the_first_operator_is_invited_once(here: Installation) -> None:
    first = invite_first_operator(here.store, now=NOW)
    again = invite_first_operator(here.store, now=NOW)
    assert first is not None
    person = accept(here, first.secret, email="Op@Shop.test")
    late = invite_first_operator(here.store, now=NOW + 2 * LIFETIME)

    assert again is late is None
    assert person.email == "op@shop.test"
    secret = sign_in(
        here.store, email="op@shop.test", password=PASSWORD, address="192.0.2.1", now=NOW
    )
    signed_in = find_session(here.store, secret, now=NOW)
    assert signed_in is not None
    assert signed_in.caller.everywhere is Role.OWNER


def test_a_first_operator_who_came_too_late_is_invited_again(here: Installation) -> None:
    invite_first_operator(here.store, now=NOW)

    assert invite_first_operator(here.store, now=NOW + LIFETIME) is not None


def test_only_owners_invite_and_only_to_their_own(here: Installation) -> None:
    admin, owner = a_caller(Role.ADMIN, here.ours), a_caller(Role.OWNER, here.ours)
    good = {"email": ANN, "role": Role.VIEWER, "now": NOW}

    with pytest.raises(Forbidden):
        invite(here.store, admin, workspace_id=here.ours.id, **good)
    with pytest.raises(NotFound):
        invite(here.store, owner, workspace_id=here.theirs.id, **good)
    with pytest.raises(Forbidden):
        invite(here.store, owner, workspace_id=None, **good)
    with pytest.raises(Refused, match="not an e-mail address"):
        invite(here.store, owner, workspace_id=here.ours.id, **(good | {"email": "ann"}))


def test_a_withdrawn_invitation_is_over(here: Installation) -> None:
    owner = a_caller(Role.OWNER, here.ours)
    secret = ask(here, here.ours)
    [one] = list_invitations(here.store, owner, workspace_id=here.ours.id, now=NOW)
    with pytest.raises(NotFound):
        withdraw_invitation(here.store, a_caller(Role.OWNER, here.theirs), one.id, now=NOW)
    withdraw_invitation(here.store, owner, one.id, now=NOW)

    with pytest.raises(Refused):
        show_invitation(here.store, secret, now=NOW)
    assert list_invitations(here.store, owner, workspace_id=here.ours.id, now=NOW) == []


def test_a_workspace_keeps_its_last_owner(here: Installation) -> None:
    ann = accept(here, ask(here, here.ours, Role.OWNER))
    where = {"workspace_id": here.ours.id, "now": NOW}

    with pytest.raises(Conflict) as refused:
        change_member(here.store, SYSTEM, ann.id, role=Role.ADMIN, **where)
    assert refused.value.code == "last-owner"
    with pytest.raises(Conflict):
        remove_member(here.store, SYSTEM, ann.id, **where)
    bob = accept(here, ask(here, here.ours, Role.OWNER, "bob@shop.test"))
    change_member(here.store, SYSTEM, ann.id, role=Role.ADMIN, **where)
    remove_member(here.store, SYSTEM, ann.id, **where)
    assert roles(here, here.ours) == {bob.email: Role.OWNER}


def test_a_change_for_a_past_state_is_refused(here: Installation) -> None:
    ann = accept(here, ask(here, here.ours))
    [seen] = list_members(here.store, SYSTEM, workspace_id=here.ours.id)
    where = {"workspace_id": here.ours.id, "revision": revision_of(seen), "now": NOW}
    change_member(here.store, SYSTEM, ann.id, role=Role.VIEWER, **where)

    with pytest.raises(Outdated):
        change_member(here.store, SYSTEM, ann.id, role=Role.ADMIN, **where)
    assert roles(here, here.ours) == {ANN: Role.VIEWER}


def test_a_removed_account_is_signed_out_and_gone(here: Installation) -> None:
    ann = accept(here, ask(here, here.ours))
    secret = sign_in(here.store, email=ANN, password=PASSWORD, address="192.0.2.1", now=NOW)
    with pytest.raises(Forbidden):
        remove_account(here.store, a_caller(Role.OWNER, here.ours), ann.id, now=NOW)
    remove_account(here.store, SYSTEM, ann.id, now=NOW)

    assert find_session(here.store, secret, now=NOW) is None
    assert roles(here, here.ours) == {}


def test_the_last_operator_stays(here: Installation) -> None:
    first = accept(here, ask(here, None))

    with pytest.raises(Conflict) as refused:
        remove_account(here.store, SYSTEM, first.id, now=NOW)
    assert refused.value.code == "last-operator"


def test_a_new_password_ends_the_sessions_of_the_old(here: Installation) -> None:
    ann = accept(here, ask(here, here.ours))
    secret = sign_in(here.store, email=ANN, password=PASSWORD, address="192.0.2.1", now=NOW)
    password = reset_password(here.store, SYSTEM, ann.id, now=NOW)

    assert find_session(here.store, secret, now=NOW) is None
    with pytest.raises(Refused):
        sign_in(here.store, email=ANN, password=PASSWORD, address="192.0.2.1", now=NOW)
    assert sign_in(here.store, email=ANN, password=password, address="192.0.2.1", now=NOW)


def test_the_audit_log_tells_who_did_what_newest_first(here: Installation) -> None:
    ann = accept(here, ask(here, here.ours))
    admin = a_caller(Role.ADMIN, here.ours)
    entries = list_audit(here.store, admin, workspace_id=here.ours.id)
    [invited] = list_audit(
        here.store, admin, workspace_id=here.ours.id, only=AuditFilter(action="invitation.added")
    )
    older = list_audit(
        here.store, admin, workspace_id=here.ours.id, after=str(entries[0].number), limit=1
    )

    assert [entry.action for entry in entries] == [
        "invitation.accepted",
        "invitation.added",
        "workspace.added",
    ]
    assert entries[0].actor == f"person:{ann.id}"
    assert entries[0].label == ANN
    assert invited.label == "Firstparty"
    assert older == [entries[1]]
    assert [
        entry.action
        for entry in list_audit(
            here.store, admin, workspace_id=here.ours.id, only=AuditFilter(action="workspace")
        )
    ] == ["workspace.added"]
    with pytest.raises(NotFound):
        list_audit(here.store, admin, workspace_id=here.theirs.id)
    with pytest.raises(Forbidden):
        list_audit(here.store, a_caller(Role.EDITOR, here.ours), workspace_id=here.ours.id)
    with pytest.raises(Refused, match="as it was"):
        list_audit(here.store, admin, workspace_id=here.ours.id, after="1; --")
