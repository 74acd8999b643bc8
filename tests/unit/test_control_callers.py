import pytest

from firstparty.control.callers import SYSTEM, Caller, require_operator, require_role
from firstparty.errors import Forbidden, NotFound
from firstparty.model.workspaces import Role

EDITOR = Caller(actor="token:tok_1", label="ci", roles={"wsp_1": Role.EDITOR})


def require(caller: Caller, workspace_id: str, role: Role) -> None:
    require_role(caller, workspace_id, role, kind="domain", identifier="dom_1")


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_a_role_includes_itself_and_the_lesser_ones(role: Role) -> None:
    require(EDITOR, "wsp_1", role)


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
def test_a_greater_role_is_refused_with_both_named(role: Role) -> None:
    with pytest.raises(Forbidden) as refused:
        require(EDITOR, "wsp_1", role)

    assert role in refused.value.sentence
    assert "editor" in refused.value.sentence


@pytest.mark.parametrize("role", list(Role))
def test_without_a_role_a_thing_does_not_exist(role: Role) -> None:
    with pytest.raises(NotFound) as refused:
        require(EDITOR, "wsp_2", role)

    assert "'dom_1'" in refused.value.sentence
    assert "wsp" not in refused.value.sentence


def test_the_greater_of_two_roles_counts() -> None:
    caller = Caller(
        actor="person:per_1",
        label="a",
        everywhere=Role.VIEWER,
        roles={"wsp_1": Role.ADMIN, "wsp_2": Role.VIEWER},
    )

    assert caller.role_in("wsp_1") is Role.ADMIN
    assert caller.role_in("wsp_2") is Role.VIEWER
    assert caller.role_in("wsp_3") is Role.VIEWER


@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.EDITOR])
def test_an_operator_who_only_looks_does_not_operate(role: Role | None) -> None:
    with pytest.raises(Forbidden):
        require_operator(Caller(actor="token:tok_1", label="ci", everywhere=role))


def test_the_product_itself_may_do_everything() -> None:
    require_operator(SYSTEM)
    require(SYSTEM, "wsp_whichever", Role.OWNER)
