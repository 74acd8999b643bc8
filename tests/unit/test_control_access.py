from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from firstparty.control.access import (
    SESSION_LIFETIME,
    find_bearer,
    find_session,
    sign_in,
    sign_out,
)
from firstparty.control.callers import SYSTEM, Caller
from firstparty.control.people import create_person, ensure_first_operator
from firstparty.control.throttle import (
    MAX_TRIES_OF_ACCOUNT,
    MAX_TRIES_OF_ADDRESS,
    WINDOW,
    count_try,
)
from firstparty.control.tokens import add_token, list_tokens, revoke_token
from firstparty.errors import Conflict, Forbidden, NotFound, Refused, TooMany
from firstparty.model.workspaces import Role
from firstparty.store.engine import Store
from tests.builders import NOW
from tests.installation import Installation, a_caller, an_installation

EMAIL, PASSWORD = "ann@shop.test", "correct horse battery staple"


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return an_installation(tmp_path)


def enter(store: Store, **parts: str) -> str:
    good = {"email": EMAIL, "password": PASSWORD, "address": "192.0.2.1"}
    return sign_in(store, **(good | parts), now=NOW)


def add_ann(here: Installation) -> None:
    create_person(
        here.store,
        SYSTEM,
        email=EMAIL,
        password=PASSWORD,
        roles={here.ours.id: Role.EDITOR},
        now=NOW,
    )


def everything_stored(store: Store) -> str:
    with store.read() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type='table'"))
        tables = [name for (name,) in names]
        return repr([connection.execute(text(f'SELECT * FROM "{name}"')).all() for name in tables])


def test_a_session_is_its_person_with_the_roles_they_have(here: Installation) -> None:
    add_ann(here)
    signed_in = find_session(here.store, enter(here.store, email=" ANN@shop.test "), now=NOW)

    assert signed_in is not None
    assert signed_in.person.email == EMAIL
    assert signed_in.caller.roles == {here.ours.id: Role.EDITOR}
    assert signed_in.caller.everywhere is None
    assert len(signed_in.csrf) == 32


def test_an_unknown_account_and_a_wrong_password_get_one_answer(here: Installation) -> None:
    add_ann(here)
    answers = []
    for parts in ({"password": "wrong"}, {"email": "bob@shop.test"}):
        with pytest.raises(Refused) as refused:
            enter(here.store, **parts)
        answers.append((refused.value.code, refused.value.sentence, refused.value.field))

    assert answers[0] == answers[1]


def test_a_session_ends_by_signing_out_and_by_time(here: Installation) -> None:
    add_ann(here)
    left, kept = enter(here.store), enter(here.store)
    sign_out(here.store, left)

    assert find_session(here.store, left, now=NOW) is None
    assert find_session(here.store, kept, now=NOW + SESSION_LIFETIME / 2) is not None
    assert find_session(here.store, kept, now=NOW + SESSION_LIFETIME) is None


def test_after_too_many_tries_even_the_right_password_waits(here: Installation) -> None:
    add_ann(here)
    for _ in range(MAX_TRIES_OF_ACCOUNT):
        with pytest.raises(Refused):
            enter(here.store, password="wrong")

    with pytest.raises(TooMany) as refused:
        enter(here.store)
    assert refused.value.retry_after == WINDOW
    later = NOW + WINDOW + timedelta(seconds=1)
    sign_in(here.store, email=EMAIL, password=PASSWORD, address="192.0.2.1", now=later)


def test_tries_from_elsewhere_lock_nobody_out(here: Installation) -> None:
    add_ann(here)
    for _ in range(MAX_TRIES_OF_ACCOUNT):
        with pytest.raises(Refused):
            enter(here.store, password="wrong", address="198.51.100.7")

    assert enter(here.store)


def test_a_success_wipes_the_slate_of_the_account(here: Installation) -> None:
    add_ann(here)
    for _ in range(2):
        for _ in range(MAX_TRIES_OF_ACCOUNT - 1):
            with pytest.raises(Refused):
                enter(here.store, password="wrong")

        assert enter(here.store)


def test_one_address_cannot_try_many_accounts(here: Installation) -> None:
    # Through the same counter as sign-in, without a hundred password hashes.
    with here.store.write() as connection:
        for number in range(MAX_TRIES_OF_ADDRESS):
            count_try(connection, account=f"{number}@shop.test", address="192.0.2.9", now=NOW)
        with pytest.raises(TooMany):
            count_try(connection, account="last@shop.test", address="192.0.2.9", now=NOW)


def test_no_secret_is_stored_in_the_clear(here: Installation) -> None:
    add_ann(here)
    secret = enter(here.store)
    token = add_token(
        here.store, SYSTEM, workspace_id=here.ours.id, name="ci", role=Role.VIEWER, now=NOW
    )
    stored = everything_stored(here.store)

    assert EMAIL in stored
    for hidden in (PASSWORD, secret, token.bearer, token.bearer.rpartition("_")[2], "192.0.2.1"):
        assert hidden not in stored


def test_secrets_stay_out_of_reprs(here: Installation) -> None:
    first = ensure_first_operator(here.store, email=EMAIL, now=NOW)
    token = add_token(here.store, SYSTEM, workspace_id=None, name="x", role=Role.OWNER, now=NOW)

    assert first is not None
    assert first.password not in repr(first)
    assert token.bearer not in repr(token)


def test_a_token_is_a_caller_until_it_is_revoked_or_expires(here: Installation) -> None:
    end = NOW + timedelta(days=1)
    token = add_token(
        here.store,
        SYSTEM,
        workspace_id=here.ours.id,
        name="ci",
        role=Role.EDITOR,
        expires_at=end,
        now=NOW,
    )
    caller = find_bearer(here.store, token.bearer, now=NOW)

    assert caller == Caller(
        actor=f"token:{token.token.id}", label="ci", roles={here.ours.id: Role.EDITOR}
    )
    assert find_bearer(here.store, token.bearer, now=end) is None
    assert (
        find_bearer(
            here.store, token.bearer[:-1] + ("y" if token.bearer.endswith("x") else "x"), now=NOW
        )
        is None
    )
    revoke_token(here.store, SYSTEM, token.token.id, now=NOW)
    assert find_bearer(here.store, token.bearer, now=NOW) is None


def test_an_admin_makes_no_token_greater_than_their_own_role(here: Installation) -> None:
    admin = a_caller(Role.ADMIN, here.ours)
    add = {"name": "ci", "now": NOW}
    made = add_token(here.store, admin, workspace_id=here.ours.id, role=Role.ADMIN, **add)

    assert made.token.role is Role.ADMIN
    with pytest.raises(Forbidden):
        add_token(here.store, admin, workspace_id=here.ours.id, role=Role.OWNER, **add)
    with pytest.raises(Forbidden):
        add_token(here.store, admin, workspace_id=None, role=Role.VIEWER, **add)
    with pytest.raises(NotFound):
        add_token(here.store, admin, workspace_id=here.theirs.id, role=Role.VIEWER, **add)


def test_an_operators_token_does_not_exist_for_others(here: Installation) -> None:
    token = add_token(here.store, SYSTEM, workspace_id=None, name="x", role=Role.OWNER, now=NOW)

    with pytest.raises(NotFound):
        revoke_token(here.store, a_caller(Role.OWNER, here.ours), token.token.id, now=NOW)
    assert [one.id for one in list_tokens(here.store, SYSTEM, workspace_id=None)] == [
        token.token.id
    ]


def test_only_an_empty_store_gets_a_first_operator(here: Installation) -> None:
    first = ensure_first_operator(here.store, email="Op@Shop.test", now=NOW)
    again = ensure_first_operator(here.store, email="op2@shop.test", now=NOW)

    assert first is not None
    assert again is None
    secret = enter(here.store, email="op@shop.test", password=first.password)
    signed_in = find_session(here.store, secret, now=NOW)
    assert signed_in is not None
    assert signed_in.caller.everywhere is Role.OWNER


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"email": "nobody"}, "email-invalid"),
        ({"email": "a b@shop.test"}, "email-invalid"),
        ({"password": "short"}, "password-length"),
        ({"password": "x" * 257}, "password-length"),
        ({"email": EMAIL}, "email-in-use"),
    ],
)
def test_a_person_that_cannot_be_is_refused(
    here: Installation, parts: dict[str, str], code: str
) -> None:
    add_ann(here)
    good = {"email": "bob@shop.test", "password": PASSWORD}
    with pytest.raises(Refused) as refused:
        create_person(here.store, SYSTEM, **(good | parts), is_operator=True, now=NOW)

    assert refused.value.code == code
    assert isinstance(refused.value, Conflict) == (code == "email-in-use")


def test_an_owner_adds_members_and_nobody_adds_themselves_elsewhere(here: Installation) -> None:
    owner = a_caller(Role.OWNER, here.ours)
    good = {"email": EMAIL, "password": PASSWORD, "now": NOW}

    with pytest.raises(NotFound):
        create_person(here.store, owner, roles={here.theirs.id: Role.VIEWER}, **good)
    with pytest.raises(Forbidden):
        create_person(here.store, owner, is_operator=True, **good)
    with pytest.raises(Forbidden):
        create_person(
            here.store, a_caller(Role.ADMIN, here.ours), roles={here.ours.id: Role.VIEWER}, **good
        )
    assert create_person(here.store, owner, roles={here.ours.id: Role.ADMIN}, **good).email == EMAIL
